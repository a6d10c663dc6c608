/** Whether the kernel takes idle pages away from the page cache while a benchmark runs. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const kdamonds = '/sys/kernel/mm/damon/admin/kdamonds';

/**
 * DAMON's schemes (Documentation/admin-guide/mm/damon/usage.rst) drop cached pages that nobody used
 * for a while: both sides then read files again, xcache through two caches.
 */
export function describePageReclaim(): string {
  try {
    const running = readdirSync(kdamonds)
      .filter((name) => /^\d+$/.test(name))
      .some((name) => readFileSync(join(kdamonds, name, 'state'), 'utf8').trim() === 'on');
    return running ? 'of idle pages (DAMON)' : 'on demand';
  } catch {
    // A kernel without DAMON has none of it.
    return 'on demand';
  }
}
