/** Mounts a view that has a mount of its own, with the driver that its record names. */
import { openDirectHost } from './serving/direct-host.js';
import { openNativeHost } from './serving/native-host.js';
import type { ViewRecord } from './view-directory.js';
import type { ViewHost, ViewHostOptions } from './serving/view-host.js';

/** Throws an `XcacheError` where mounting fails. */
export async function openViewHost(
  { driver, mode }: ViewRecord,
  options: ViewHostOptions,
): Promise<ViewHost> {
  return driver === 'direct' ? await openDirectHost(options) : await openNativeHost(options, mode);
}
