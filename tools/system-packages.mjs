// The system packages that a mount needs: found, installed where that is allowed, or told.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const libraryDirectories = [
  '/lib',
  '/lib64',
  '/usr/lib',
  '/usr/lib64',
  '/usr/local/lib',
  '/lib/x86_64-linux-gnu',
  '/lib/aarch64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
];

/** Whether `program` is an executable file on the PATH (or where administration programs lie). */
export function isProgramThere(program) {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return directories.filter(Boolean).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const isLibfuse2There = () =>
  libraryDirectories.some((directory) => existsSync(join(directory, 'libfuse.so.2')));

/** ID and ID_LIKE of /etc/os-release. */
function distribution() {
  const path = ['/etc/os-release', '/usr/lib/os-release'].find((file) => existsSync(file));
  if (path === undefined) return [];
  return [...readFileSync(path, 'utf8').matchAll(/^ID(?:_LIKE)?=(.*)$/gm)].flatMap((match) =>
    match[1].replaceAll(/["']/g, '').split(/\s+/),
  );
}

/** Debian 13 and Ubuntu 24.04 name it after the 64-bit time_t; earlier releases do not. */
function debianLibfuse2() {
  const known = spawnSync('apt-cache', ['show', '--no-all-versions', 'libfuse2t64'], {
    stdio: 'ignore',
  });
  return known.status === 0 ? 'libfuse2t64' : 'libfuse2';
}

/**
 * The steps that install `wanted` (of 'fuse3', 'libfuse2') here, each an argument list, and whether
 * a failure of the step is to be ignored; undefined where the distribution is not known.
 */
function installSteps(wanted) {
  const ids = distribution();
  const is = (...names) => names.some((name) => ids.includes(name));
  const names = (table) => wanted.map((name) => table[name]);
  if (is('debian', 'ubuntu')) {
    const apt = [
      'apt-get',
      '-qq',
      '-o',
      'Acquire::http::Timeout=30',
      '-o',
      'DPkg::Lock::Timeout=120',
    ];
    const update = { command: [...apt, 'update'], isOptional: true };
    // The name of libfuse2 is known only after the update.
    return {
      steps: [update],
      last: () => [
        ...apt,
        'install',
        '-y',
        ...names({ fuse3: 'fuse3', libfuse2: debianLibfuse2() }),
      ],
      told: () =>
        `apt-get install ${names({ fuse3: 'fuse3', libfuse2: debianLibfuse2() }).join(' ')}`,
    };
  }
  if (is('fedora', 'rhel', 'centos')) {
    const list = names({ fuse3: 'fuse3', libfuse2: 'fuse-libs' });
    return {
      steps: [],
      last: () => ['dnf', '-q', '-y', 'install', ...list],
      told: () => `dnf install ${list.join(' ')}`,
    };
  }
  if (is('arch')) {
    const list = names({ fuse3: 'fuse3', libfuse2: 'fuse2' });
    return {
      steps: [],
      last: () => ['pacman', '-S', '--noconfirm', '--needed', ...list],
      told: () => `pacman -S ${list.join(' ')}`,
    };
  }
  return undefined;
}

/** The words that make a command run as root, or undefined where that is not possible unasked. */
function privilege() {
  if (process.env.XCACHE_NO_INSTALL) return undefined;
  if (process.getuid?.() === 0) return [];
  const sudo = spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
  return sudo.status === 0 ? ['sudo', '-n'] : undefined;
}

function run(command) {
  const [program, ...rest] = command;
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(program, rest, { stdio: ['ignore', 2, 2], env: environment }).status === 0;
}

function install(plan, prefix) {
  for (const step of plan.steps) if (!run([...prefix, ...step.command]) && !step.isOptional) return;
  run([...prefix, ...plan.last()]);
}

/**
 * Brings fuse3 and libfuse2 onto the machine where that is allowed. Returns false, with the one
 * command to run told through `say`, where a mount cannot work without it.
 */
export function ensureSystemPackages(say) {
  if (process.platform !== 'linux') return true;
  const missing = () => [
    ...(isProgramThere('fusermount3') ? [] : ['fuse3']),
    ...(isLibfuse2There() ? [] : ['libfuse2']),
  ];
  const wanted = missing();
  if (wanted.length === 0) return true;
  const plan = installSteps(wanted);
  const prefix = privilege();
  if (plan !== undefined && prefix !== undefined) {
    say(`installing ${wanted.join(' and ')}`);
    install(plan, prefix);
  }
  return report(missing(), plan, say);
}

function report(missing, plan, say) {
  if (missing.length === 0) return true;
  const asRoot = process.getuid?.() === 0 ? '' : 'sudo ';
  const remedy =
    plan === undefined
      ? `install ${missing.join(' and ')} with the package manager of this system`
      : `run: ${asRoot}${plan.told()}`;
  if (!missing.includes('fuse3')) {
    say(`libfuse2 is missing, so \`--driver fuse-native\` is not available (${remedy})`);
    return true;
  }
  // root mounts without the set-uid helper; everybody else needs it.
  if (process.getuid?.() === 0) {
    say(`fuse3 is missing; mounting as root works without it (${remedy})`);
    return true;
  }
  say(`fuse3 is needed to mount and is not installed; ${remedy}`);
  return false;
}
