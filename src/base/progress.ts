/** Sent while a long request runs. */
export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
}
