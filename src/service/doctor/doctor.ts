/**
 * Looks at everything that xcache needs on a machine, and says what to do about what is wrong. It
 * works without a service and starts none, unless it may mend things.
 */
import { configChecks } from './doctor-config.js';
import { diskChecks } from './doctor-disk.js';
import type {
  Check,
  DoctorFinding,
  DoctorOptions,
  DoctorResult,
  Finding,
} from './doctor-finding.js';
import { serviceChecks } from './doctor-service.js';
import { systemChecks } from './doctor-system.js';

/** Runs all checks, one after the other: a fix may be what the next one needs. Never throws. */
export async function runDoctor(options: DoctorOptions): Promise<DoctorResult> {
  const checks = [
    ...systemChecks(options),
    ...diskChecks(options),
    ...configChecks(options),
    ...serviceChecks(options),
  ];
  const findings: DoctorFinding[] = [];
  for (const check of checks) findings.push(await runCheck(check, options.isFixing));
  return { version: 1, findings };
}

async function runCheck({ name, run }: Check, isFixing: boolean): Promise<DoctorFinding> {
  let finding: Finding;
  try {
    finding = await run();
  } catch (error) {
    return { check: name, state: 'fail', message: messageOf(error), isFixed: false };
  }
  const { state, message, hint, fix } = finding;
  const found = { check: name, state, message, ...(hint === undefined ? {} : { hint }) };
  if (fix === undefined) return { ...found, isFixed: false };
  if (!isFixing) {
    return { ...found, hint: hint ?? 'run: xcache doctor --fix', isFixed: false };
  }
  try {
    return { check: name, state: 'ok', message: `${message}: ${await fix()}`, isFixed: true };
  } catch (error) {
    return { ...found, message: `${message}; mending failed: ${messageOf(error)}`, isFixed: false };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
