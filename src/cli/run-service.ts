/** The process of the service: configuration, log, lock, and then the service itself. */
import { XcacheError } from '../base/errors.js';
import { createLogger } from '../base/log.js';
import { loadConfig } from '../service/config.js';
import type { XcachePaths } from '../host/paths.js';
import { createExclusiveDirectory } from '../host/private-directory.js';
import { acquireServiceLock } from '../service/control/service-lock.js';

/**
 * Runs the service to its end and returns its exit code. In the background a failure is written to
 * the log file, where the command that started the service reads it; else it is thrown.
 */
export async function runServiceProcess(paths: XcachePaths, background: boolean): Promise<number> {
  await createExclusiveDirectory(paths.stateDirectory, 'own');
  const destination = background ? { file: paths.logFile } : {};
  try {
    const { config } = await loadConfig(paths.configFile);
    const log = createLogger({ level: config.service.logLevel, ...destination });
    // Before anything of the store is touched: there must not be two of us.
    await using _lock = await acquireServiceLock(paths);
    const { runService } = await import('../service/service.js');
    return await runService(paths, log, config);
  } catch (error) {
    if (!background) throw error;
    const { code, hint } = error instanceof XcacheError ? error : internal;
    const message = error instanceof Error ? error.message : String(error);
    // At whatever level the log is kept, the command that waits must find this line.
    createLogger({ level: 'info', ...destination }).fatal({ code, hint, err: error }, message);
    return 1;
  }
}

const internal = { code: 'XC_INTERNAL', hint: undefined };
