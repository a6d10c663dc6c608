/** The process of the service: log, lock, and then the service itself. */
import { XcacheError } from '../base/errors.js';
import { createLogger, parseLogLevel } from '../base/log.js';
import type { XcachePaths } from '../service/paths.js';
import { createExclusiveDirectory } from '../service/private-directory.js';
import { acquireServiceLock } from '../service/service-lock.js';

/**
 * Runs the service to its end and returns its exit code. In the background a failure is written to
 * the log file, where the command that started the service reads it; else it is thrown.
 */
export async function runServiceProcess(paths: XcachePaths, background: boolean): Promise<number> {
  const level = parseLogLevel(process.env['XCACHE_LOG']);
  await createExclusiveDirectory(paths.stateDirectory, 'own');
  const log = createLogger(background ? { level, file: paths.logFile } : { level });
  try {
    // Before anything of the store is touched: there must not be two of us.
    await using _lock = await acquireServiceLock(paths);
    const { runService } = await import('../service/service.js');
    return await runService(paths, log);
  } catch (error) {
    if (!background) throw error;
    const { code, hint } = error instanceof XcacheError ? error : internal;
    log.fatal({ code, hint, err: error }, error instanceof Error ? error.message : String(error));
    return 1;
  }
}

const internal = { code: 'XC_INTERNAL', hint: undefined };
