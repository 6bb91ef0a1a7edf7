import type { NotifierEvent } from '../events.ts'
import type { HistorySection } from '../pages.ts'
import type { Position } from '../position.ts'
import type { NotifierAudience } from '../subscription-types.ts'
import type { Follower } from './follower.ts'

/** What all followers of a channel share. */
export interface Source {
  readonly channel: string
  readonly history: History
  /**
   * The pub/sub subscription is interrupted. Live messages prove nothing then: the first ones of the next subscription may
   * arrive before its acknowledgement, and may seem to be the next after a position though another server, which lost
   * its last writes, gave their offsets out again.
   */
  readonly interrupted: boolean
}

/** A channel's history, as followers read it. */
export interface History {
  /**
   * Whether the position is still good, the position at the end, and the events after it, as many as fit. Reads nothing,
   * and resolves with undefined, when all who wait for this read have `cancelled` before it is sent.
   */
  since(position: string, count: number, cancelled: () => boolean): Promise<HistorySection | undefined>
  /** The position at the end; empty without a history. */
  top(): Promise<string>
  /** The position at the end; without a history the one before the next, whose beginning is fixed now. */
  end(): Promise<string>
}

/** Where a follower delivers, and how. */
export interface FollowerOptions {
  /** Position to begin after; '-' before the oldest event kept, '+' at the end. */
  readonly from: string
  /** Takes an event, and the position before it. */
  readonly deliver: (event: NotifierEvent, before: string) => void
  /** The types to deliver. Default: all. */
  readonly types?: ReadonlySet<string> | undefined
  /** Loads the state that the events after a position change. */
  readonly getState?: ((channel: string) => unknown) | undefined
  /** Called whenever everything up to the end of the history was delivered. */
  readonly caughtUp?: (() => void) | undefined
  /** Called whenever the history cannot be read, though Redis answers. */
  readonly failed?: ((fault: unknown) => void) | undefined
  /** Gets the events in its place while it is in a group. */
  readonly audience?: NotifierAudience | undefined
  readonly onAudience?: ((inside: boolean) => void) | undefined
}

/** Followers that are at one position, of which one delivers for all. */
export interface FollowerGroup {
  readonly position: Position
  /** The follower goes on by itself. */
  left(member: Follower): void
}
