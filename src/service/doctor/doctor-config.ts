/** The check of the configuration: with a mistake in it the service does not start. */
import { XcacheError } from '../../base/errors.js';
import { loadConfig } from '../config.js';
import type { Check, DoctorOptions, Finding } from './doctor-finding.js';

export function configChecks({ paths }: DoctorOptions): readonly Check[] {
  return [{ name: 'settings', run: async () => await checkConfig(paths.configFile) }];
}

async function checkConfig(file: string): Promise<Finding> {
  try {
    const { entries } = await loadConfig(file);
    const set = entries.filter(({ source }) => source !== 'default').map(({ key }) => key);
    if (set.length === 0) return { state: 'note', message: `all are the defaults (${file})` };
    return { state: 'ok', message: `${set.join(', ')} set` };
  } catch (error) {
    if (!(error instanceof XcacheError)) throw error;
    const { message, hint = 'the manual tells what is possible: xcache config --help' } = error;
    return { state: 'fail', message, hint };
  }
}
