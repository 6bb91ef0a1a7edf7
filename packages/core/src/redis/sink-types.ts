import type { Receiver } from './driver.ts'
import type { Sent } from './sent.ts'

/** The connections, as the runner uses them. */
export interface CommandSink {
  readonly status: string
  /** The last error, while there is no connection. */
  readonly lastError: Error | undefined
  /** Whether a call for that slot can be sent now. If not, `onReady` is called when it can be tried again. */
  ready(slot: number): boolean
  /** Sends a command to the server of a slot. Strings in the reply are text. Calls the receiver once, possibly before it returns. */
  send(command: string, args: readonly Sent[], slot: number, receiver: Receiver<unknown>): void
  /** Runs a function that sends several commands. Commands to the same server are written at once. */
  together(run: () => void): void
}
