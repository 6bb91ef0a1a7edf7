import type { Route } from '../redis/keys.ts'
import type { Subscriber } from '../redis/subscriber.ts'
import { type History, Lane, type LaneOptions } from './lane.ts'
import { type LiveEvent, parseLive } from './messages.ts'
import { createTrunks } from './trunks.ts'
import type { Unreadable } from './unreadable.ts'

/** A channel as this process follows it: one pub/sub subscription, any number of lanes. */
export interface Feed {
  /** Adds a lane; `ready` when the first page of its history was read. */
  join(options: LaneOptions): { readonly lane: Lane; readonly ready: Promise<void> }
  leave(lane: Lane): void
  /**
   * Compares the end of the history with what came live, so that a lost last message is noticed, and lets the history
   * live on.
   */
  check(): void
  /** Whether a lane that is not paused has not delivered everything up to the end of the history. */
  behind(): Promise<boolean>
  /** Nobody follows it any more. */
  readonly empty: boolean
  close(): void
}

export interface FeedOptions {
  readonly channel: string
  readonly live: string
  readonly route: Route
  readonly subscriber: Subscriber
  readonly history: History
  /** Lets the history live on: called now and then while somebody follows. */
  readonly keep: () => Promise<unknown>
  /** How long what `keep` does is good for. */
  readonly keepMs: number
  readonly unreadable: Unreadable
}

export function createFeed(feedOptions: FeedOptions): Feed {
  const { channel, live, route, subscriber, history, keep, keepMs, unreadable } = feedOptions
  /** Those that are told what comes: trunks, and who is on none. */
  const lanes = new Set<Lane>()
  const trunks = createTrunks(lanes)
  let followed = false
  let cut = false
  let waiting: (() => void)[] = []
  let keepAt = 0
  /** What came in one piece with the last. */
  let came: LiveEvent[] = []

  /** Lane by lane, because the next event to one lane finds in the processor's caches what the last one needed. */
  function deliver(): void {
    const events = came
    came = []
    for (const lane of lanes) lane.push(events)
    trunks.gatherAll()
  }

  const unfollow = subscriber.follow(route, live, {
    message(text) {
      const event = parseLive(channel, text)
      if (!event) unreadable(`the pub/sub channel ${live}`, text)
      else if (came.push(event) === 1) soon(deliver)
    },
    followed() {
      const again = followed
      followed = true
      for (const go of waiting) go()
      waiting = []
      cut = false
      if (again) for (const lane of lanes) lane.followAgain()
    },
    interrupted() {
      deliver()
      cut = true
      for (const lane of lanes) lane.interrupt()
    },
  })

  return {
    join(options) {
      const lane = new Lane(
        channel,
        history,
        options.audience ? { ...options, caughtUp: () => trunks.gather(lane) } : options,
      )
      lanes.add(lane)
      if (cut) lane.interrupt()
      // History is read only once the server acknowledged the subscription: nothing falls between the two.
      const following = followed ? Promise.resolve() : new Promise<void>((resolve) => waiting.push(resolve))
      return { lane, ready: following.then(() => lane.begin()) }
    },
    leave(lane) {
      lane.close()
      lanes.delete(lane)
    },
    check() {
      history.top().then(
        (top) => {
          for (const lane of lanes) if (lane.live && !lane.isAt(top)) lane.keepUp()
        },
        // Redis is away: the subscription will come back, and with it a catch-up.
        () => {},
      )
      const now = performance.now()
      if (now < keepAt) return
      keepAt = now + keepMs
      keep().catch(() => (keepAt = 0))
    },
    async behind() {
      const top = await history.top()
      for (const lane of lanes) if (!lane.paused && !(lane.live && lane.isAt(top))) return true
      return false
    },
    get empty() {
      return lanes.size === 0
    },
    close() {
      unfollow()
      // Their lanes are closed.
      for (const go of waiting) go()
      waiting = []
    },
  }
}

let due: (() => void)[] = []

function soon(deliver: () => void): void {
  if (due.push(deliver) === 1) process.nextTick(deliverAll)
}

/** Delivers what came so far now, because something is about to be delivered that came after it. */
export function deliverAll(): void {
  const feeds = due
  due = []
  for (const deliver of feeds) deliver()
}
