/** Where the store reports what nobody asked for; a pino logger fits. */
export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Keeps nothing. */
export const silentLog: StoreLog = { info: () => undefined, warn: () => undefined };
