/** What one proof consists of: data, so that another project or setting is a few more lines. */
import type { World } from '../support/world.js';

/** One way to have and to build the package `app`. */
export interface Setting {
  /** As `WorkspaceOptions` has them; versions are pinned with `=`. */
  readonly dependencies?: Readonly<Record<string, string>>;
  /** More lines of `Cargo.toml`. */
  readonly manifest?: string;
  /** `src/main.rs` among them, with at least one test that uses the dependencies. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Words for `cargo build` and `cargo test`, e.g. `--release`. */
  readonly args?: readonly string[];
}

/** A build that fills the store, at another path of the same length. */
export interface Origin extends Setting {
  /** At the very path of the proof instead. */
  readonly isSamePath?: boolean;
  /** Another command than `build`, which builds other units. */
  readonly command?: 'build' | 'check' | 'test';
}

export interface Scene {
  /** What is built natively and through the store. */
  readonly app: Setting;
  /** How the store is filled, one after the other. */
  readonly origins: readonly Origin[];
  /** Happens after the store was filled and before anything is built for the proof. */
  readonly change?: () => Promise<void>;
  /** Labels (`CargoRun.compiled`) of all units beside those of `app` that must be built again. */
  readonly built: readonly string[];
  /**
   * Labels of some units that must be served. Empty: nothing may be. Runs of scripts are not among
   * them, as cargo does not name the ones that it finds done; one that is not in `built` was served.
   */
  readonly served: readonly string[];
}

export interface ProofCase {
  /** Ends the sentence “a program is the one of plain cargo where …”. */
  readonly name: string;
  /** `short` runs in `npm test`; `heavy` takes minutes. */
  readonly group: 'short' | 'full' | 'heavy';
  /** For git dependencies, which would leave checkouts behind in the user's. */
  readonly cargoHome?: 'own';
  /** What the machine lacks for it; undefined where it can run. */
  readonly missing?: () => string | undefined;
  readonly setup: (world: World) => Promise<Scene> | Scene;
}

/** The same setting at another path; everything beside `app` is served. */
export function otherPath(app: Setting, served: readonly string[]): Scene {
  return { app, origins: [app], built: [], served };
}

/** A program that prints each expression, and a test that looks at each of them. */
export function printing(
  expressions: readonly string[],
  before = '',
): Readonly<Record<string, string>> {
  const lines = expressions.map((expression) => `        text.push((${expression}).to_string());`);
  return {
    'src/main.rs': [
      before,
      'fn lines() -> Vec<String> {',
      '    let mut text: Vec<String> = Vec::new();',
      '    {',
      ...lines,
      '    }',
      '    text',
      '}',
      'fn main() { println!("{}", lines().join("\\n")); }',
      '#[test]',
      `fn every_line_says_something() { let all = lines(); assert_eq!(all.len(), ${lines.length}); assert!(all.iter().all(|line| !line.is_empty())); }`,
      '',
    ].join('\n'),
  };
}
