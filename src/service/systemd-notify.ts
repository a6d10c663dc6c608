/**
 * Tells the service manager how far the service is (sd_notify(3)), where one started it. Its socket
 * takes datagrams, which Node cannot send over Unix sockets; systemd-notify(1) does it.
 */
import { spawn } from 'node:child_process';
import type { Logger } from '../base/log.js';

/** Returns at once. A message that cannot be sent is logged: the manager then waits in vain. */
export function notifySystemd(state: 'ready' | 'stopping', log: Logger): void {
  if ((process.env['NOTIFY_SOCKET'] ?? '') === '') return;
  const child = spawn('systemd-notify', [`--${state}`], { cwd: '/', stdio: 'ignore' });
  child.once('error', (err) => log.warn({ err, state }, 'systemd was not told'));
  child.once('exit', (code) => {
    if (code !== 0) log.warn({ code, state }, 'systemd was not told');
  });
  child.unref();
}
