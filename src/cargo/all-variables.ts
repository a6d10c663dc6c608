/**
 * All variables of a session as one value, for programs that may read any of them: those that name a
 * variable by what they compute. What tells of the terminal, the session and the desktop is left out,
 * or another window would be a miss; nobody computes such a name.
 */
import { createHash } from 'node:crypto';
import { isSetByCargo } from './cargo-variables.js';
import { isReadForShow, valueOf } from './variable-values.js';

/** Stands in the place of a variable's name. */
export const everyVariable = '*';

/** Characters of a digest: enough to tell values apart, and nothing that tells the value. */
const digestCharacters = 16;

/** A variable's value as it is compared (`valueOf`), also of all of them together. */
export function countedValue(
  name: string,
  variables: Readonly<Record<string, string | undefined>>,
): string | null {
  return name === everyVariable ? valueOfAll(variables) : valueOf(name, variables);
}

/** Of the values, only digests: tokens and passwords are among them. */
function valueOfAll(variables: Readonly<Record<string, string | undefined>>): string {
  const known = remembered.get(variables);
  if (known !== undefined) return known;
  const value = JSON.stringify(digestsOf(variables));
  remembered.set(variables, value);
  return value;
}

/** The first variable that is another one than when `recorded` was made; undefined if none is. */
export function differingVariable(
  recorded: string | null,
  variables: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const before = new Map(recorded === null ? [] : (JSON.parse(recorded) as [string, string][]));
  const now = new Map(digestsOf(variables));
  const names = [...new Set([...before.keys(), ...now.keys()])];
  return names.find((name) => before.get(name) !== now.get(name));
}

/** Whether the variable counts among all. */
export function countsAmongAll(name: string): boolean {
  return !isSetByCargo(name) && !isReadForShow(name) && !ofSession.test(name);
}

/** An environment never changes; a session asks for many units. */
const remembered = new WeakMap<object, string>();

function digestsOf(
  variables: Readonly<Record<string, string | undefined>>,
): readonly (readonly [string, string])[] {
  return Object.keys(variables)
    .filter(countsAmongAll)
    .sort()
    .map((name) => {
      const hash = createHash('sha256').update(variables[name] ?? '');
      return [name, hash.digest('hex').slice(0, digestCharacters)] as const;
    });
}

const ofSession = new RegExp(
  `^(?:${[
    // The shell and its prompt.
    '_|PWD|OLDPWD|SHLVL|SHELL|PS[0-4]|PROMPT.*|HIST.*|IFS|RANDOM|BASH.*|ZSH.*|FISH.*|ZDOTDIR',
    'STARSHIP.*|DIRENV_.*|AUTOJUMP.*|FZF_.*|LS_COLORS|LSCOLORS|EXA_COLORS|GREP_COLORS?|LESS.*',
    'PAGER|[A-Z_]*_PAGER|MANPATH|INFOPATH|EDITOR|[A-Z_]*_EDITOR|VISUAL|BROWSER|MAIL|MAILCHECK',
    // The terminal.
    'TERM.*|COLOR.*|WINDOW.*|WT_.*|TMUX.*|STY|ZELLIJ.*|KITTY.*|ALACRITTY.*|KONSOLE.*|ITERM.*|VTE_.*',
    'GNOME_.*|TILIX_.*|WEZTERM.*|GHOSTTY.*|LC_TERMINAL.*|SSH_.*|SUDO_.*|GPG_.*|MOSH.*|WSL.*',
    // The session, the desktop and the editor.
    'USER|LOGNAME|HOST(?:NAME|TYPE)?|MACHTYPE|OSTYPE|DISPLAY|WAYLAND.*|XAUTHORITY|XDG_.*|DBUS_.*|DESKTOP.*',
    'SESSION.*|GDM.*|KDE_.*|QT_.*|GTK_.*|GDK_.*|GIO_.*|GSETTINGS_.*|GJS_.*|IM_.*|XMODIFIERS|CLUTTER_.*',
    'ORIGINAL_XDG.*|CHROME_.*|ELECTRON_.*|VSCODE.*|CODE_.*|CURSOR_.*|IDEA_.*|JETBRAINS.*|NVIM.*|VIM.*',
    'INSIDE_EMACS|EMACS.*|ZED_.*|RA_.*|GIT_ASKPASS|GIT_(?:SEQUENCE_)?EDITOR|[A-Z_]*ASKPASS|INVOCATION_ID',
    'JOURNAL_STREAM|NOTIFY_SOCKET|SYSTEMD_.*|MANAGERPID|MEMORY_PRESSURE.*|LISTEN_.*|TMPDIR|TMP|TEMP',
    // Proxies and continuous integration: of one run.
    '(?:HTTPS?|ALL|FTP|NO)_PROXY|(?:https?|all|ftp|no)_proxy|GITHUB_.*|RUNNER_.*|ACTIONS_.*|CI_.*|BUILDKITE.*|JENKINS_.*',
    // What cargo, rustup and this program are told; compared by other means, or nothing to a build.
    'PATH|HOME|XCACHE_.*|RUST(?:UP|C|DOC|FLAGS|_)[A-Z_]*|CARGO(?:_.*)?|LD_LIBRARY_PATH|CCACHE_.*|SCCACHE_.*',
  ].join('|')})$`,
);
