import { expect, test } from 'vitest';
import { createStyle, isColored } from '../../src/cli/terminal.js';

test('colour is for terminals, unless the environment says otherwise', () => {
  expect(isColored('auto', true, {})).toBe(true);
  expect(isColored('auto', false, {})).toBe(false);
  expect(isColored('auto', true, { NO_COLOR: '1' })).toBe(false);
  expect(isColored('auto', true, { NO_COLOR: '' })).toBe(true);
  expect(isColored('auto', true, { TERM: 'dumb' })).toBe(false);
  expect(isColored('auto', false, { FORCE_COLOR: '1' })).toBe(true);
  expect(isColored('auto', true, { FORCE_COLOR: '0' })).toBe(false);
});

test('an explicit choice wins over the environment', () => {
  expect(isColored('always', false, { NO_COLOR: '1' })).toBe(true);
  expect(isColored('never', true, { FORCE_COLOR: '1' })).toBe(false);
});

test('without colour text stays as it is', () => {
  expect(createStyle(false).bad('x')).toBe('x');
  expect(createStyle(true).bad('x')).toBe('\u001b[31mx\u001b[39m');
});
