import { describe, expect, it } from 'vitest';
import { planBudget } from '../../src/store/budget.js';

const gibibyte = 2 ** 30;
const roomy = { totalBytes: 400 * gibibyte, freeBytes: 300 * gibibyte, storeBytes: 0 };
const automatic = { isAutomatic: true };

describe('the automatic budget', () => {
  it.each([
    [20, 10],
    [100, 10],
    [400, 40],
    [4_000, 100],
  ])('of a disk of %i GiB is %i GiB', (disk, budget) => {
    const limits = planBudget(automatic, { ...roomy, totalBytes: disk * gibibyte });
    expect(limits.maxSizeBytes).toBe(budget * gibibyte);
    expect(limits.targetSizeBytes).toBe(budget * 0.8 * gibibyte);
  });

  it('keeps units for 90 days', () => {
    expect(planBudget(automatic, roomy).maxAgeMs).toBe(90 * 24 * 3_600_000);
  });

  it('takes configured values in place of its own', () => {
    const limits = planBudget({ ...automatic, maxSizeBytes: 1_000, maxAgeMs: 5 }, roomy);
    expect(limits).toEqual({ maxSizeBytes: 1_000, targetSizeBytes: 800, maxAgeMs: 5 });
  });

  it('gives way where the disk is nearly full, by what is missing', () => {
    const disk = { ...roomy, freeBytes: 4 * gibibyte, storeBytes: 30 * gibibyte };
    expect(planBudget(automatic, disk).maxSizeBytes).toBe(24 * gibibyte);
  });

  it('keeps a quarter, however full the disk is', () => {
    const disk = { ...roomy, freeBytes: 0, storeBytes: 12 * gibibyte };
    expect(planBudget(automatic, disk).maxSizeBytes).toBe(10 * gibibyte);
  });
});

describe('limits that were asked for', () => {
  it('are met exactly, and alone', () => {
    const full = { ...roomy, freeBytes: 0, storeBytes: 12 * gibibyte };
    expect(planBudget({ isAutomatic: false, maxSizeBytes: 7 }, full)).toEqual({
      maxSizeBytes: 7,
      targetSizeBytes: 7,
    });
    expect(planBudget({ isAutomatic: false, maxAgeMs: 0 }, full)).toEqual({ maxAgeMs: 0 });
  });
});
