/**
 * What each cargo session came to: counted while it runs, told once when its process is gone and
 * what it built has been looked at. Nothing runs while no session is open.
 */

/** What one cargo session came to in one build-dir. */
export interface SessionSummary {
  readonly version: 1;
  readonly pid: number;
  /** The first and the last time that something was heard of it. */
  readonly startedMs: number;
  readonly endedMs: number;
  readonly directory: string;
  readonly workspace: string;
  /** Paths of profiles in the build-dir: `debug`, `x86_64-unknown-linux-musl/release`. */
  readonly profiles: readonly string[];
  readonly served: number;
  /** Units that cargo built itself. */
  readonly compiled: number;
  /** Of those: stored for others, and kept for this workspace alone. */
  readonly promoted: number;
  readonly keptPrivate: number;
  /** Compile time that served units did not cost again. */
  readonly savedMs: number;
  /** Bytes of units that were in the store already, and so were not stored twice. */
  readonly sharedBytes: number;
}

/** The build-dir that a session works in. */
export interface SessionPlace {
  /** As `status` shows it. */
  readonly directory: string;
  readonly workspace: string;
  /** Whether nothing of this build-dir waits to be stored, or nothing is stored for now. */
  readonly isSettled: () => boolean;
}

/** One thing that happened to one unit. */
export type SessionEvent =
  | { readonly kind: 'served'; readonly savedMs: number; readonly sharedBytes: number }
  | { readonly kind: 'missed' }
  | { readonly kind: 'compiled' }
  | { readonly kind: 'promoted'; readonly sharedBytes: number }
  | { readonly kind: 'kept-private' };

export interface SessionLedgerOptions {
  /** Whether the process of a session is there. Must not block for long. */
  readonly isRunning: (pid: number, startTicks: string) => boolean;
  readonly ended: (summary: SessionSummary) => void;
}

interface OpenSession {
  readonly pid: number;
  readonly startTicks: string;
  readonly place: SessionPlace;
  readonly startedMs: number;
  readonly profiles: Set<string>;
  /**
   * Units by what became of them last: a unit may be looked at more than once, and one that was
   * served and then compiled has saved nothing.
   */
  readonly outcomes: Map<string, SessionEvent>;
  /** Of the monotonic clock. */
  heardMs: number;
  heardAtMs: number;
  /** Set by a look that found no process: events that are on their way arrive before the next. */
  isGone: boolean;
}

/** A look is one small file of /proc for each session; a session that is quiet is looked at less. */
const lookMinMs = 500;
const lookMaxMs = 5_000;

export class SessionLedger implements Disposable {
  readonly #options: SessionLedgerOptions;
  /** By session key and directory. */
  readonly #open = new Map<string, OpenSession>();
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;
  #isClosed = false;

  constructor(options: SessionLedgerOptions) {
    this.#options = options;
  }

  /** Sessions that are not over. */
  get openCount(): number {
    return this.#open.size;
  }

  /**
   * Something happened to a unit. `session` is its key, `<pid>:<start ticks>`; without one, and for
   * what becomes of a unit after the end of its session, nothing is counted.
   */
  note(
    session: string | undefined,
    place: SessionPlace,
    unit: { readonly profilePath: string; readonly unitHash: string },
    event: SessionEvent,
  ): void {
    if (session === undefined || session === '' || this.#isClosed) return;
    const isVerdict = event.kind === 'promoted' || event.kind === 'kept-private';
    const open = isVerdict ? this.#open.get(keyOf(session, place)) : this.#enter(session, place);
    if (open === undefined) return;
    open.heardMs = performance.now();
    open.heardAtMs = Date.now();
    open.isGone = false;
    open.profiles.add(unit.profilePath);
    open.outcomes.set(`${unit.profilePath}#${unit.unitHash}`, event);
    this.#lookIn(lookMinMs);
  }

  /** Forgets the sessions that are open; nothing is told any more. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#open.clear();
  }

  #enter(session: string, place: SessionPlace): OpenSession {
    const key = keyOf(session, place);
    const known = this.#open.get(key);
    if (known) return known;
    const [pid = '', startTicks = ''] = session.split(':');
    const open: OpenSession = {
      pid: Number(pid),
      startTicks,
      place,
      startedMs: Date.now(),
      profiles: new Set(),
      outcomes: new Map(),
      heardMs: 0,
      heardAtMs: 0,
      isGone: false,
    };
    this.#open.set(key, open);
    return open;
  }

  /** Plans the next look, unless one comes sooner. */
  #lookIn(delayMs: number): void {
    const dueMs = performance.now() + delayMs;
    if (this.#timer !== undefined && this.#dueMs <= dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => this.#look(), delayMs).unref();
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    let quietMs = Number.POSITIVE_INFINITY;
    for (const [key, open] of this.#open) {
      const sinceMs = nowMs - open.heardMs;
      if (sinceMs >= lookMinMs && this.#isOver(open)) {
        this.#open.delete(key);
        this.#options.ended(summaryOf(open));
        continue;
      }
      // One that is gone is only waited for.
      quietMs = Math.min(quietMs, open.isGone ? 0 : sinceMs);
    }
    if (this.#open.size === 0 || this.#isClosed) return;
    this.#lookIn(Math.min(Math.max(quietMs / 2, lookMinMs), lookMaxMs));
  }

  #isOver(open: OpenSession): boolean {
    const wasGone = open.isGone;
    open.isGone ||= !this.#options.isRunning(open.pid, open.startTicks);
    return wasGone && open.place.isSettled();
  }
}

function keyOf(session: string, { directory }: SessionPlace): string {
  return `${session}:${directory}`;
}

function summaryOf(open: OpenSession): SessionSummary {
  const outcomes = [...open.outcomes.values()];
  const count = (...kinds: readonly string[]): number =>
    outcomes.filter(({ kind }) => kinds.includes(kind)).length;
  const sum = (amountOf: (event: SessionEvent) => number): number =>
    outcomes.reduce((total, event) => total + amountOf(event), 0);
  return {
    version: 1,
    pid: open.pid,
    startedMs: open.startedMs,
    endedMs: open.heardAtMs,
    directory: open.place.directory,
    workspace: open.place.workspace,
    profiles: [...open.profiles].sort(),
    served: count('served'),
    compiled: count('compiled', 'promoted', 'kept-private'),
    promoted: count('promoted'),
    keptPrivate: count('kept-private'),
    savedMs: sum((event) => (event.kind === 'served' ? event.savedMs : 0)),
    sharedBytes: sum((event) => ('sharedBytes' in event ? event.sharedBytes : 0)),
  };
}
