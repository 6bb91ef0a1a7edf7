/** Exit codes, for scripts. */
export const EXIT = {
  done: 0,
  /** The answer is no: nothing found, problems found, or the person said no. */
  no: 1,
  /** A wrong command, option or argument. Nothing was done. */
  usage: 2,
  /** Redis is away, or refused the call. */
  redis: 3,
  /** Ctrl-C, before it was done. */
  interrupted: 130,
} as const

/** Ends the command with a message and an exit code. */
export class Failure extends Error {
  readonly exit: number

  constructor(exit: number, message: string) {
    super(message)
    this.exit = exit
  }
}
