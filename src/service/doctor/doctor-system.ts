/** Checks of the machine: FUSE, the kernel, cargo. */
import { access, constants, stat } from 'node:fs/promises';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import { isErrno } from '../../base/errors.js';
import { isWithin, readMountTable } from '../../host/mount-table.js';
import { mountType } from '../../fuse/mount/mount-direct.js';
import { buildDirOf } from '../../views/user-mount/auto-paths.js';
import { probeBuildDir, probeCargoVersion } from '../setup/cargo-probe.js';
import type { Check, DoctorOptions, Finding } from './doctor-finding.js';
import { runProgram } from '../../host/run-program.js';

/** OPENDIR answered with ENOSYS, which saves two messages per directory, is understood since then. */
const recommendedKernel = [5, 1] as const;

export function systemChecks({ paths, cwd }: DoctorOptions): readonly Check[] {
  return [
    { name: '/dev/fuse', run: checkFuseDevice },
    { name: 'fusermount3', run: checkFusermount },
    { name: 'libfuse', run: checkLibfuse },
    { name: 'kernel', run: () => Promise.resolve(judgeKernel(release())) },
    { name: 'cargo', run: checkCargo },
    { name: 'build-dir', run: async () => await checkBuildDir(paths.autoMountDirectory, cwd) },
  ];
}

async function checkFuseDevice(): Promise<Finding> {
  const path = '/dev/fuse';
  let status;
  try {
    status = await stat(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    const hint = 'run: sudo modprobe fuse; in a container: docker run --device /dev/fuse …';
    return { state: 'fail', message: `${path} is missing`, hint };
  }
  const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
  if (!status.isCharacterDevice()) {
    return { state: 'fail', message: `${path} is not a device`, hint: 'see who put it there' };
  }
  try {
    await access(path, constants.R_OK | constants.W_OK);
  } catch {
    const message = `you may not open ${path} (mode ${mode})`;
    return { state: 'fail', message, hint: `run: sudo chmod 0666 ${path}, or join its group` };
  }
  return { state: 'ok', message: `you may open ${path} (mode ${mode})` };
}

async function checkFusermount(): Promise<Finding> {
  const isRoot = process.geteuid?.() === 0;
  const path = await findProgram('fusermount3');
  if (path === undefined) {
    return isRoot
      ? { state: 'note', message: 'it is not installed, and root does not need it' }
      : { state: 'fail', message: 'it is not installed', hint: 'run: sudo apt install fuse3' };
  }
  const { mode } = await stat(path);
  if (isRoot || (mode & 0o4000) !== 0) return { state: 'ok', message: path };
  return {
    state: 'warn',
    message: `${path} is not set-uid, so that it can mount for root alone`,
    hint: `run: sudo chmod u+s ${path}`,
  };
}

async function checkLibfuse(): Promise<Finding> {
  const { kind, stdout } = await runProgram('/sbin/ldconfig', ['-p']);
  const found = /libfuse\.so\.2 .*=> (\S+)/.exec(stdout)?.[1];
  const message =
    kind !== 'done'
      ? 'unknown; only the driver fuse-native would use it'
      : (found ?? 'not installed; only the driver fuse-native would use it');
  return { state: found === undefined ? 'note' : 'ok', message };
}

/** Exported for tests, which run on one kernel. */
export function judgeKernel(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const [needMajor, needMinor] = recommendedKernel;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) {
    return { state: 'ok', message: `Linux ${version}` };
  }
  return {
    state: 'warn',
    message: `Linux ${version} asks more often than newer ones do`,
    hint: `builds are faster from Linux ${needMajor}.${needMinor} on`,
  };
}

async function checkCargo(): Promise<Finding> {
  const cargo = await probeCargoVersion();
  if (cargo === undefined) {
    const hint = 'install Rust (https://rustup.rs), or extend PATH';
    return { state: 'fail', message: 'there is no cargo on your PATH', hint };
  }
  if (cargo.hasBuildDir) return { state: 'ok', message: `cargo ${cargo.version}` };
  return {
    state: 'warn',
    message: `cargo ${cargo.version} has no build.build-dir, which xcache setup needs (1.91)`,
    hint: 'update Rust, or mount workspace by workspace: xcache mount ./target',
  };
}

/** As cargo sees it: files of the project, of the user, and the environment all have a say. */
async function checkBuildDir(autoMountDirectory: string, cwd: string): Promise<Finding> {
  const mounts = readMountTable().filter(({ fsType }) => fsType === mountType);
  const isInside = mounts.some(({ mountPoint }) => isWithin(cwd, mountPoint));
  const found = await probeBuildDir(isInside ? undefined : cwd);
  if (found?.buildDirectory === undefined) {
    return { state: 'note', message: 'cargo does not tell where it builds' };
  }
  const { workspace, buildDirectory } = found;
  if (buildDirectory === buildDirOf(autoMountDirectory, workspace)) {
    return { state: 'ok', message: `cargo builds below ${autoMountDirectory}` };
  }
  if (mounts.some(({ mountPoint }) => mountPoint === buildDirectory)) {
    return { state: 'ok', message: `cargo builds in the mount on ${buildDirectory}` };
  }
  const variable = process.env['CARGO_BUILD_BUILD_DIR'];
  if (variable !== undefined) {
    const message = `CARGO_BUILD_BUILD_DIR=${variable} wins over the configuration`;
    return { state: 'warn', message, hint: 'unset it, or cargo shares nothing' };
  }
  return {
    state: 'note',
    message: `cargo builds ${workspace} in ${buildDirectory}`,
    hint: 'to share every workspace: xcache setup; only this one: xcache mount ./target',
  };
}

async function findProgram(name: string): Promise<string | undefined> {
  const usual = ['/usr/bin', '/bin', '/usr/local/bin', '/run/wrappers/bin'];
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), ...usual];
  for (const directory of directories.filter((each) => each.startsWith('/'))) {
    const path = join(directory, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}
