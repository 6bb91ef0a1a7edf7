import type { Receiver } from './driver.ts'
import type { Sent } from './sent.ts'

/** What the runner sends through. */
export interface CommandSink {
  readonly status: string
  /** What went wrong last, while no connection is there. */
  readonly lastError: Error | undefined
  /** Whether a call for that slot is sent at once; when not, `onReady` is told when to try again. */
  ready(slot: number): boolean
  /** `slot` is where it goes, for who sends to one of several connections. The receiver is told once, maybe at once; of strings as text. */
  send(command: string, args: readonly Sent[], slot: number, receiver: Receiver<unknown>): void
  /** Runs what sends several commands: those to one server leave in one write. */
  together(run: () => void): void
}
