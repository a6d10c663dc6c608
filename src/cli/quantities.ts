/** Sizes, durations and times: as people write them and as they like to read them. */
import { InvalidArgumentError } from 'commander';
import { durationMsOf, sizeBytesOf } from '../base/quantities.js';

/** Bytes from `512MiB`, `20GiB`, `10G`, `5e9`. Throws commander's error for an argument that is none. */
export function parseSize(text: string): number {
  const bytes = sizeBytesOf(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError('Use a size such as 512MiB, 20GiB, 10G or 5e9.');
}

/** Milliseconds from `30d`, `24h`, `30m`. Throws commander's error for an argument that is none. */
export function parseDuration(text: string): number {
  const ms = durationMsOf(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('Use a duration such as 7d, 24h or 30m.');
}

/** `0 B`, `1023 B`, `1.0 KiB`, `20.3 GiB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 'B';
  for (const larger of ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']) {
    // What would be rounded to 1024 of one unit is 1.0 of the next.
    if (Math.abs(value) < (unit === 'B' ? 1024 : 1023.95)) break;
    value /= 1024;
    unit = larger;
  }
  return unit === 'B' ? `${value} B` : `${value.toFixed(1)} ${unit}`;
}

/** `0.3 s`, `42 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Local time to the minute, `2026-01-31 09:05`. */
export function formatTime(epochMs: number): string {
  const at = new Date(epochMs);
  const date = `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`;
  return `${date} ${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}`;
}

/** `1 unit`, `2 units`, `1,234 units`. */
export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
