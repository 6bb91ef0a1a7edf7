import { invalid, PenknifeError } from '../errors.ts'
import { checkName, checkOptions, toJson, wholeNumber } from '../options.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import type { Reply } from '../redis/script.ts'
import { notifierNudge, notifierPublish, notifierSince, notifierTop } from '../redis/scripts.gen.ts'
import {
  checkChannel,
  checkChannels,
  checkFollow,
  checkHistory,
  checkPublish,
  type Followed,
  wholeMs,
} from './checks.ts'
import { createFeed, type Feed } from './feed.ts'
import { iterate } from './iterate.ts'
import { type Lane, type LaneOptions, toKept } from './lane.ts'
import { message } from './messages.ts'
import type {
  EventIterator,
  EventMap,
  HistoryPage,
  Notifier,
  NotifierEvent,
  NotifierOptions,
  Subscription,
} from './types.ts'

/** The largest event, as JSON in bytes. */
const LARGEST_EVENT = 64 * 1024
/** Pages of history that a notifier reads at once: clients that catch up must not crowd out everything else. */
const READS = 4
/** How often each channel's position is compared with the end of its history. */
const CHECK_MS = 10_000

const OPTIONS = ['name', 'history', 'age', 'ttl', 'dedupWindow'] as const

/**
 * Makes a notifier: channels whose events arrive at once and can be resumed.
 *
 * A subscriber sees every event after its position once and in order, or is told plainly (`reset`) that history was
 * lost. That holds after a failover or a restart that lost the last writes, too: an id says by its tag which event it
 * was, so that a position at which another event stands now is not taken for a good one. Each channel keeps about
 * `history` events in a stream, which goes `ttl` after its last event; a channel that was quiet for longer begins a
 * new history, and its subscribers see a reset.
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createNotifier<Events extends EventMap = EventMap>(
  space: Space,
  options: NotifierOptions = {},
): Notifier<Events> {
  checkOptions('createNotifier', options, OPTIONS)
  const name = checkName('name', options.name ?? 'main')
  const kept = wholeNumber('history', options.history ?? 1000, 1, 1_000_000)
  const age = options.age === undefined ? 0 : wholeMs('age', options.age, 1000)
  const ttl = wholeMs('ttl', options.ttl ?? '1d', 60_000)
  const window = wholeMs('dedupWindow', options.dedupWindow ?? '5m', 1000)
  const { keys, bind, subscriber, deadlineMs, onClose, use } = runtimeOf(space)
  const { route } = keys
  const publish = bind(notifierPublish, [kept, ttl, age, window])
  const nudge = bind(notifierNudge, [])
  const since = bind(notifierSince, [age])
  const top = bind(notifierTop, [])
  const read = atMost(READS)
  const feeds = new Map<string, Feed>()
  use('notifier')

  let checks: NodeJS.Timeout | undefined
  let forget = (): unknown => undefined

  /** Runs while some channel is followed, so that a notifier nobody follows costs nothing. */
  function watch(): void {
    checks = setInterval(() => {
      for (const feed of feeds.values()) feed.check()
    }, CHECK_MS)
    checks.unref()
    forget = onClose(async () => {
      clearInterval(checks)
      for (const feed of feeds.values()) feed.close()
    })
  }

  function feedOf(channel: string): Feed {
    let feed = feeds.get(channel)
    if (!feed) {
      const key = keys.history(name, channel)
      feed = createFeed({
        channel,
        live: keys.live(name, channel),
        route,
        subscriber,
        history: {
          since: (position, count, cancelled) =>
            read(async () => (cancelled() ? ['ok', position] : since(route, key, position, count))),
          top: () => top(route, key),
        },
      })
      if (feeds.size === 0) watch()
      feeds.set(channel, feed)
    }
    return feed
  }

  function leave(channel: string, lane: Lane): void {
    const feed = feeds.get(channel)
    feed?.leave(lane)
    if (feed?.empty) {
      feeds.delete(channel)
      feed.close()
      if (feeds.size === 0) {
        clearInterval(checks)
        forget()
      }
    }
  }

  async function follow(
    channels: readonly string[],
    { from, types, getState }: Followed,
    onEvent: OnEvent,
  ): Promise<Subscription> {
    const following = new Following(onEvent, leave)
    const ready: Promise<void>[] = []
    for (const channel of new Set(channels)) {
      const start = Object.hasOwn(from, channel) ? (from[channel] as string) : '+'
      const joined = feedOf(channel).join({ from: start, deliver: following.deliver, types, getState })
      following.lanes.set(channel, joined.lane)
      ready.push(joined.ready)
    }
    try {
      await within(deadlineMs, Promise.all(ready))
    } catch (error) {
      following.close()
      throw error
    }
    return following
  }

  return {
    name,
    async publish(channel, data, published = {}) {
      checkChannel(channel)
      const { type, id, coalesce, lastsMs } = checkPublish(published)
      const json = toJson('data', data, LARGEST_EVENT)
      const key = keys.history(name, channel)
      const once = id === undefined ? key : keys.published(name, channel, id)
      return publish(route, key, once, keys.live(name, channel), type, json, coalesce, lastsMs)
    },
    async nudge(channel, data, published = {}) {
      checkChannel(channel)
      const { type } = checkPublish(published, ['type'])
      await nudge(route, keys.live(name, channel), type, toJson('data', data, LARGEST_EVENT))
    },
    async subscribe(channels, subscribe) {
      checkOptions('subscribe', subscribe, ['from', 'types', 'getState', 'onEvent'])
      const { onEvent } = subscribe
      if (typeof onEvent !== 'function') throw invalid('onEvent', onEvent, 'give a function')
      return follow(channels, checkFollow(channels, subscribe), onEvent as OnEvent)
    },
    events(channels, following = {}) {
      checkOptions('events', following, ['from', 'types', 'getState', 'signal'])
      const { signal } = following
      if (signal !== undefined && !(signal instanceof AbortSignal)) {
        throw invalid('signal', signal, 'give an AbortSignal')
      }
      const followed = checkFollow(channels, following)
      return iterate((onEvent) => follow(channels, followed, onEvent), signal) as EventIterator<Events>
    },
    async positions(channels) {
      checkChannels(channels)
      const found = await Promise.all(
        channels.map(async (channel) => [channel, await top(route, keys.history(name, channel))] as const),
      )
      return Object.fromEntries(found)
    },
    async history(channel, page = {}) {
      const { after, count } = checkHistory(channel, page)
      const reply = await since(route, keys.history(name, channel), after, count)
      return toPage(channel, reply) as HistoryPage<Events>
    },
  }
}

type OnEvent = (event: NotifierEvent, subscription: Subscription, before: string) => void

/** A subscription's lanes. */
class Following implements Subscription {
  readonly lanes = new Map<string, Lane>()
  readonly deliver: LaneOptions['deliver']
  readonly #leave: (channel: string, lane: Lane) => void
  #open = true

  constructor(onEvent: OnEvent, leave: (channel: string, lane: Lane) => void) {
    this.#leave = leave
    this.deliver = (event, before) => {
      try {
        if (this.#open) onEvent(event, this, before)
      } catch (error) {
        // A listener's fault must not break the delivery to others, nor pass unseen.
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
  }

  cursors(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.lanes].map(([channel, lane]) => [channel, lane.position]))
  }

  pause(): void {
    for (const lane of this.lanes.values()) lane.pause()
  }

  resume(): void {
    for (const lane of this.lanes.values()) lane.resume()
  }

  close(): void {
    this.#open = false
    for (const [channel, lane] of this.lanes) this.#leave(channel, lane)
    this.lanes.clear()
  }
}

function toPage(channel: string, [state, top, ...events]: readonly Reply[]): HistoryPage {
  const kept = toKept(events)
  const cursor = kept.at(-1)?.[0] ?? (top as string)
  return {
    events: kept
      .filter(([, , type]) => type !== '')
      .map(([id, , type, json]) => message(channel, id, type, json)),
    cursor,
    lost: state === 'lost',
    end: cursor === top,
  }
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const away = `subscribe: Redis could not be reached within ${ms} ms`
    timer = setTimeout(() => reject(new PenknifeError('PENKNIFE_UNAVAILABLE', away)), ms)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Lets so many run at a time, the others in the order in which they came. */
function atMost(most: number): <Result>(run: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (run) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await run()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}
