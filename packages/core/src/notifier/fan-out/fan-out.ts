import type { Route } from '../../redis/keys.ts'
import type { Subscriber } from '../../redis/subscriber.ts'
import { type LiveEvent, parseLive } from '../messages.ts'
import type { Unreadable } from '../unreadable.ts'
import type { Arrivals } from './arrivals.ts'
import { Follower } from './follower.ts'
import { createGroups } from './groups.ts'
import type { FollowerOptions, History } from './types.ts'

/** A channel as this process follows it: one pub/sub subscription, any number of followers. */
export interface FanOut {
  /** Adds a follower; `ready` when the first page of its history was read. */
  join(options: FollowerOptions): { readonly follower: Follower; readonly ready: Promise<void> }
  leave(follower: Follower): void
  /**
   * Compares the end of the history with what arrived live, so that a lost last message is noticed, and extends the
   * history's life.
   */
  check(): void
  /** Whether a follower that is not paused has not delivered everything up to the end of the history. */
  behind(): Promise<boolean>
  /** Without followers. */
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
  /** Extends the history's life; called now and then while somebody follows. */
  readonly keep: () => Promise<unknown>
  /** For how long one call of `keep` is enough. */
  readonly keepMs: number
  readonly arrivals: Arrivals
  readonly unreadable: Unreadable
}

export function createFanOut(options: FanOutOptions): FanOut {
  const { channel, live, route, subscriber, history, keep, keepMs, arrivals, unreadable } = options
  const source = { channel, history, interrupted: false }
  /** Those that deliver by themselves: in no group, or for one. */
  const followers = new Set<Follower>()
  const groups = createGroups(source, followers)
  let followed = false
  let waiting: (() => void)[] = []
  let keepAt = 0
  /** Arrived in one piece with the last one. */
  let arrived: LiveEvent[] = []

  /** Follower by follower, because the next event to one finds in the processor's caches what the last one needed. */
  function deliver(): void {
    const events = arrived
    arrived = []
    for (const follower of followers) follower.push(events)
    groups.gatherAll()
  }

  const unfollow = subscriber.follow(route, live, {
    message(text) {
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
      // History is read only once the server acknowledged the subscription: nothing falls between the two.
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
        // Redis is away: the subscription will be there again, and with it a catch-up.
        () => {},
      )
      const now = performance.now()
      if (now < keepAt) return
      keepAt = now + keepMs
      keep().catch(() => (keepAt = 0))
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
      // Their followers are closed.
      for (const go of waiting) go()
      waiting = []
    },
  }
}
