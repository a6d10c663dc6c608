/**
 * Runs a view on the main thread with the package fuse-native, which works in no other thread. The
 * file system then shares its thread with the rest of the service; see src/fs/README.md.
 */
import { openOverlay, type Overlay } from '../../fs/overlay.js';
import { mountFuseNative, type FuseNativeMount } from '../../fuse/fuse-native/fuse-native.js';
import { detachSync, unmountSync } from '../../fuse/mount/unmount.js';
import { viewCommands } from './view-commands.js';
import { blobPathIn } from '../../units/blob-access.js';
import { ViewAgent } from './view-agent.js';
import type { ViewHost, ViewHostOptions } from './view-host.js';
import type { ViewCommand, ViewCommands } from '../../units/view-access.js';

/** Mounts and serves; throws an `XcacheError` where mounting fails. */
export async function openNativeHost(
  options: ViewHostOptions,
  mode: 'fast' | 'safe',
): Promise<ViewHost> {
  const life: MountLife = { isDetached: false };
  const agent = new ViewAgent({
    mountPoint: options.mountPoint,
    root: options.mountPoint,
    ask: options.answer,
    report: options.event,
    backingPath: blobPathIn(options.blobsDirectory),
    // Nothing else is served meanwhile; the tool takes some milliseconds and asks nothing of us.
    detach: () => {
      const isDetached = detachSync(options.mountPoint);
      // The view is mounted again at once, by a libfuse of its own, from the same upper directory.
      if (isDetached) {
        overlay.retire();
        life.isDetached = true;
      }
      return isDetached;
    },
  });
  const overlay = openOverlay({
    upperDirectory: options.upperDirectory,
    journalPath: options.journalPath,
    lower: agent,
    observer: agent,
  });
  agent.bind(overlay);
  try {
    const mount = await mountFuseNative({
      mountPoint: options.mountPoint,
      fileSystem: overlay,
      mode,
      onFault: (error, operation) => options.log('error', `${operation}: ${String(error)}`),
    });
    return new NativeHost({ overlay, agent, mount, life, options });
  } catch (error) {
    overlay.close();
    throw error;
  }
}

/** Whether the mount point still leads to this mount; set once, by the agent. */
interface MountLife {
  isDetached: boolean;
}

interface NativeHostParts {
  readonly overlay: Overlay;
  readonly agent: ViewAgent;
  readonly mount: FuseNativeMount;
  readonly life: MountLife;
  readonly options: ViewHostOptions;
}

class NativeHost implements ViewHost {
  readonly driver = 'fuse-native' as const;
  readonly #overlay: Overlay;
  readonly #commands: ViewCommands;
  readonly #mount: FuseNativeMount;
  readonly #life: MountLife;
  readonly #options: ViewHostOptions;
  #isClosed = false;

  constructor({ overlay, agent, mount, life, options }: NativeHostParts) {
    this.#overlay = overlay;
    this.#commands = viewCommands(overlay, agent);
    this.#mount = mount;
    this.#life = life;
    this.#options = options;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the seam is asynchronous
  async call<C extends ViewCommand>(
    method: C,
    ...args: Parameters<ViewCommands[C]>
  ): Promise<ReturnType<ViewCommands[C]>> {
    if (this.#isClosed) throw new Error('the view is not mounted any more');
    const run = this.#commands[method] as (
      ...args: Parameters<ViewCommands[C]>
    ) => ReturnType<ViewCommands[C]>;
    return run(...args);
  }

  requests(): number {
    return 0;
  }

  operations(): Readonly<Record<string, number>> {
    return {};
  }

  async close({ isLazy }: { readonly isLazy: boolean }): Promise<void> {
    if (this.#isClosed) return;
    // By its mount point one would reach the mount that came after it.
    if (this.#life.isDetached) await this.#mount.release();
    else await this.#mount.unmount({ lazy: isLazy });
    this.#isClosed = true;
    this.#overlay.close();
  }

  async stop(): Promise<void> {
    await this.close({ isLazy: true });
  }

  abandonSync(): boolean {
    if (!this.#isClosed && !this.#life.isDetached) unmountSync(this.#options.mountPoint);
    // libfuse's own threads end with the process.
    return true;
  }
}
