/**
 * How the calls of one EVALSHA ended. Also sent to the node:diagnostics_channel `penknife:batch`. A call that is refused before it is in a batch, as while
 * too many calls wait, has an event of its own.
 */
export interface BatchEvent {
  /** Such as `stream/add`. */
  readonly script: string
  /** How many calls. */
  readonly calls: number
  /** How many got a reply that is no error. */
  readonly done: number
  /** How many failed with the fate `not-done`. The others failed with the fate `unknown`. */
  readonly notDone: number
  /**
   * Milliseconds from sending the batch until Redis replied, or until its deadline or the end of its connection. Undefined when it was not sent, or
   * nobody listened when it was.
   */
  readonly durationMs: number | undefined
}
