/** A bar on stderr while the service works. Loaded only where somebody watches. */
import { SingleBar } from 'cli-progress';
import type { Progress } from '../service/control/protocol.js';

/** One line that is drawn over and over, and wiped when it is disposed. */
export interface ProgressBar extends Disposable {
  readonly report: (progress: Progress) => void;
}

/** Nothing is drawn before the first report: short work shows no bar at all. */
export function createProgressBar(): ProgressBar {
  const bar = new SingleBar({
    format: '{phase} [{bar}] {percentage}% | {value}/{total}',
    stream: process.stderr,
    clearOnComplete: true,
    // Ctrl-C ends the command: no handler that swallows it, and nothing to be put right after it.
    gracefulExit: false,
    hideCursor: false,
    linewrap: true,
    barsize: 30,
  });
  let isStarted = false;
  return {
    report: ({ phase, done, total }) => {
      if (!isStarted) bar.start(total, done, { phase });
      isStarted = true;
      bar.setTotal(total);
      bar.update(done, { phase });
    },
    [Symbol.dispose]: () => {
      if (isStarted) bar.stop();
    },
  };
}
