/** Reads the samples under `test/fixtures/cargo-1.95`, all written by a real cargo 1.95.0. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../fixtures/cargo-1.95');

export function fixtureText(name: string): string {
  return readFileSync(join(root, name), 'utf8');
}

export function fixtureBytes(name: string): Buffer {
  return readFileSync(join(root, name));
}

export function fixtureNames(directory: string): string[] {
  return readdirSync(join(root, directory)).sort();
}

/** A fingerprint sample: the JSON, and the content of the hash file beside it. */
export function fingerprintFixture(name: string): { json: string; hash: string } {
  const [json = '', hash = ''] = fixtureText(`fingerprints/${name}`).split('\n');
  return { json, hash };
}
