import type { Route } from '../../redis/keys.ts'
import type { Subscriber } from '../../redis/subscriber.ts'
import { CLEARED, type LiveEvent, parseLive } from '../messages.ts'
import type { Unreadable } from '../unreadable.ts'
import type { Arrivals } from './arrivals.ts'
import { Follower } from './follower.ts'
import { createGroups } from './groups.ts'
import type { FollowerOptions, History } from './types.ts'

/** A channel that this process follows: one pub/sub subscription for any number of followers. */
export interface FanOut {
  /** Adds a follower. `ready` resolves when the first page of its history was read. */
  join(options: FollowerOptions): { readonly follower: Follower; readonly ready: Promise<void> }
  leave(follower: Follower): void
  /**
   * Compares the end of the history with the followers' positions, so that a lost last message is noticed. Extends the
   * history's life.
   */
  check(): void
  /** Whether a follower, unless it is paused, has not delivered all events up to the end of the history. */
  behind(): Promise<boolean>
  /** Whether it has no followers. */
  readonly empty: boolean
  close(): void
}

export interface FanOutOptions {
  readonly channel: string
  /** The pub/sub channel of its events. */
  readonly live: string
  readonly route: Route
  readonly subscriber: Subscriber
  readonly history: History
  /** Extends the history's life. Called regularly while there are followers. */
  readonly extend: () => Promise<unknown>
  /** How often to call `extend`. */
  readonly extendMs: number
  readonly arrivals: Arrivals
  readonly unreadable: Unreadable
}

export function createFanOut(options: FanOutOptions): FanOut {
  const { channel, live, route, subscriber, history, extend, extendMs, arrivals, unreadable } = options
  const source = { channel, history, interrupted: false }
  /** The followers that deliver: those in no group, and those of a group. */
  const followers = new Set<Follower>()
  const groups = createGroups(source, followers)
  let followed = false
  let waiting: (() => void)[] = []
  let extendAt = 0
  /** The events that arrived in this tick. */
  let arrived: LiveEvent[] = []

  /** Follower by follower, because that is faster: a follower's data stays in the processor's cache. */
  function deliver(): void {
    const events = arrived
    arrived = []
    for (const follower of followers) follower.push(events)
    groups.gatherAll()
  }

  /** The followers find that their positions are lost. */
  function cleared(): void {
    deliver()
    for (const follower of followers) follower.keepUp()
  }

  const unfollow = subscriber.follow(route, live, {
    message(text) {
      if (text === CLEARED) return cleared()
      const event = parseLive(channel, text)
      if (!event) unreadable(`the pub/sub channel ${live}`, text)
      else if (arrived.push(event) === 1) arrivals.add(deliver)
    },
    followed() {
      const again = followed
      followed = true
      for (const go of waiting) go()
      waiting = []
      source.interrupted = false
      if (again) for (const follower of followers) follower.keepUp()
    },
    interrupted() {
      deliver()
      source.interrupted = true
      for (const follower of followers) follower.interrupt()
    },
  })

  return {
    join(joining) {
      const follower = new Follower(
        source,
        joining.audience ? { ...joining, caughtUp: () => groups.gather(follower) } : joining,
      )
      followers.add(follower)
      // The history is read after the server acknowledged the subscription, so that no event is missed in between.
      const following = followed ? Promise.resolve() : new Promise<void>((resolve) => waiting.push(resolve))
      return { follower, ready: following.then(() => follower.begin()) }
    },
    leave(follower) {
      follower.close()
      followers.delete(follower)
    },
    check() {
      history.top().then(
        (top) => {
          for (const follower of followers) {
            if (follower.state === 'live' && !follower.isAt(top)) follower.keepUp()
          }
        },
        // Redis is away: the subscription recovers, and catches up then.
        () => {},
      )
      const now = performance.now()
      if (now < extendAt) return
      extendAt = now + extendMs
      extend().catch(() => (extendAt = 0))
    },
    async behind() {
      const top = await history.top()
      for (const follower of followers) {
        if (follower.state === 'reading history') return true
        if (follower.state === 'live' && !follower.isAt(top)) return true
      }
      return false
    },
    get empty() {
      return followers.size === 0
    },
    close() {
      unfollow()
      // Their followers are closed, so they resolve at once.
      for (const go of waiting) go()
      waiting = []
    },
  }
}
