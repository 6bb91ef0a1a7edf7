import type { NotifierEvent } from '../events.ts'
import type { HistorySection } from '../pages.ts'
import type { NotifierAudience } from '../subscription-types.ts'

/** The channel of all followers of one fan-out. */
export interface Source {
  readonly channel: string
  readonly history: History
  /**
   * Whether the pub/sub subscription is interrupted. Live messages are not reliable then: the first ones of the next
   * subscription may arrive before its acknowledgement. They may look like the next event after a position, although
   * another server, which lost its last writes, used their offsets again.
   */
  readonly interrupted: boolean
}

/** Reads a channel's history for followers. */
export interface History {
  /**
   * Whether the position is still in the history, the position at the end, and a page of events after the position. Resolves
   * with undefined, without a read, when every caller has `cancelled` before the read is sent.
   */
  since(position: string, count: number, cancelled: () => boolean): Promise<HistorySection | undefined>
  /** The position at the end; empty text without a history. */
  top(): Promise<string>
  /** The position at the end. Without a history it fixes the epoch of the next one, and returns the position before it. */
  end(): Promise<string>
}

/** How a follower delivers, and from which position. */
export interface FollowerOptions {
  /** The position to begin after: '-' before the oldest event, '+' at the end. */
  readonly from: string
  /** Called with each event and the position before it. */
  readonly deliver: (event: NotifierEvent, before: string) => void
  /** The types to deliver. Default: all. */
  readonly types?: ReadonlySet<string> | undefined
  /** Loads the state of the channel. */
  readonly getState?: ((channel: string) => unknown) | undefined
  /** Called when all events up to the end of the history were delivered. */
  readonly caughtUp?: (() => void) | undefined
  /** Called when Redis answers, but the history cannot be read. */
  readonly failed?: ((fault: unknown) => void) | undefined
  /** Gets the events while the follower is in a group. */
  readonly audience?: NotifierAudience | undefined
  readonly onAudience?: ((inside: boolean) => void) | undefined
}
