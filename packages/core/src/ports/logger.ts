/** Where the engine reports what it cannot return. Fields carry ids and codes, never a value. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** A logger that throws would otherwise decide what becomes of a commit. */
export const neverThrowing = (logger: Logger): Logger => {
  const guarded =
    (level: keyof Logger) =>
    (message: string, fields?: Readonly<Record<string, unknown>>): void => {
      try {
        logger[level](message, fields)
      } catch {
        // Nowhere to report it to.
      }
    }
  return { debug: guarded("debug"), info: guarded("info"), warn: guarded("warn"), error: guarded("error") }
}
