/**
 * The linker that cargo is told to use for a target: `[target.<triple>] linker`, its variable, and
 * `[target.'cfg(…)'] linker` (`core/compiler/compilation.rs` at f2d3ce0bd). Cargo gives it to build
 * scripts as RUSTC_LINKER; a fingerprint has its path, but not what the program is.
 */
import { evaluateCfg, type TargetCfgs } from '../cargo/cfg-expression.js';
import {
  ConfigProblem,
  configAt,
  configTable,
  configText,
  type ConfigValue,
} from '../cargo/config-value.js';
import { programPath } from './cargo-config.js';

export interface LinkerQuestion {
  readonly config: ConfigValue;
  readonly variables: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The host's triple. */
  readonly host: string;
  /** What `rustc --print cfg` prints for a target; undefined where rustc does not answer. */
  readonly cfgsOf: (triple: string) => TargetCfgs | undefined;
}

/**
 * The program that is set for a target (undefined: the host), as cargo names it; none where none is
 * set. Several where rustc does not know the target, so that any of them may be the one.
 */
export function findLinkers(
  triple: string | undefined,
  question: LinkerQuestion,
): readonly string[] | ConfigProblem {
  const { config, host, cfgsOf } = question;
  const target = triple ?? host;
  const own = configText(config, ['target', target, 'linker'], question);
  if (own !== undefined) return own instanceof ConfigProblem ? own : [programPath(own)];
  const keys = [...configTable(config, ['target']).keys()].filter(
    (key) => key.startsWith('cfg(') && configAt(config, ['target', key, 'linker']) !== undefined,
  );
  if (keys.length === 0) return [];
  const cfgs = cfgsOf(target);
  const programs: string[] = [];
  for (const key of keys.sort()) {
    const holds = evaluateCfg(key, cfgs ?? new Set());
    if (holds === undefined) return new ConfigProblem(`[target.'${key}'] cannot be evaluated`);
    if (!holds && cfgs !== undefined) continue;
    // The variables of `[target]` name no conditions.
    const linker = configText(config, ['target', key, 'linker'], { ...question, variables: {} });
    if (linker instanceof ConfigProblem) return linker;
    if (linker !== undefined) programs.push(programPath(linker));
  }
  return programs;
}
