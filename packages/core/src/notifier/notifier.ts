import { durationMs } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { checkName, checkOptions, checkText, toJson, wholeNumber } from '../options.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { notifierNudge, notifierPublish, notifierSince, notifierTop } from '../redis/scripts.gen.ts'
import { createFeed, type Feed } from './feed.ts'
import type { Lane } from './lane.ts'
import { checkCursor } from './messages.ts'
import type { Notifier, NotifierOptions, PublishOptions, SubscribeOptions, Subscription } from './types.ts'

/** The largest event, as JSON in bytes. */
const LARGEST_EVENT = 64 * 1024
const LONGEST_CHANNEL = 128
const MOST_CHANNELS = 1000
/** Pages of history that a notifier reads at once: clients that catch up must not crowd out everything else. */
const READS = 4
/** How often each channel's position is compared with the end of its history. */
const CHECK_MS = 10_000

/**
 * Makes a notifier: channels whose events arrive at once and can be resumed.
 *
 * A subscriber sees every event after its position once and in order, or is told plainly (`reset`) that history was
 * lost. What Redis itself forgets is the exception: after falling back to a snapshot or to a replica that lacked the last
 * writes, offsets can be given out again, and a position in the part that was lost is taken for a good one. Each channel keeps about `history` events in a stream, which goes `ttl` after its last
 * event; a channel that was quiet for longer begins a new history, and its subscribers see a reset.
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createNotifier(space: Space, options: NotifierOptions = {}): Notifier {
  checkOptions('createNotifier', options, ['name', 'history', 'ttl'])
  const name = checkName('name', options.name ?? 'main')
  const history = wholeNumber('history', options.history ?? 1000, 1, 1_000_000)
  const ttlMs = durationMs('ttl', options.ttl ?? '1d', { min: 60_000 })
  const { keys, bind, subscriber, deadlineMs, onClose, use } = runtimeOf(space)
  const { route } = keys
  const publish = bind(notifierPublish, [history, Math.ceil(ttlMs)])
  const nudge = bind(notifierNudge, [])
  const since = bind(notifierSince, [])
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

  return {
    name,
    async publish(channel, data, published = {}) {
      checkChannel(channel)
      const json = toJson('data', data, LARGEST_EVENT)
      return publish(route, keys.history(name, channel), keys.live(name, channel), typeOf(published), json)
    },
    async nudge(channel, data, published = {}) {
      checkChannel(channel)
      await nudge(route, keys.live(name, channel), typeOf(published), toJson('data', data, LARGEST_EVENT))
    },
    async subscribe(channels, subscribe) {
      const { from, onEvent } = checkSubscribe(channels, subscribe)
      const lanes = new Map<string, Lane>()
      const ready: Promise<void>[] = []
      let open = true
      const deliver: typeof onEvent = (event) => {
        try {
          if (open) onEvent(event)
        } catch (error) {
          // A listener's fault must not break the delivery to others, nor pass unseen.
          process.emitWarning(error instanceof Error ? error : String(error))
        }
      }
      for (const channel of channels) {
        if (lanes.has(channel)) continue
        const joined = feedOf(channel).join(
          Object.hasOwn(from, channel) ? (from[channel] as string) : '+',
          deliver,
        )
        lanes.set(channel, joined.lane)
        ready.push(joined.ready)
      }
      const close = (): void => {
        open = false
        for (const [channel, lane] of lanes) leave(channel, lane)
        lanes.clear()
      }
      try {
        await within(deadlineMs, Promise.all(ready))
      } catch (error) {
        close()
        throw error
      }
      return subscription(lanes, close)
    },
  }
}

function subscription(lanes: ReadonlyMap<string, Lane>, close: () => void): Subscription {
  return {
    cursors: () => Object.fromEntries([...lanes].map(([channel, lane]) => [channel, lane.position()])),
    close,
  }
}

function checkChannel(channel: string): void {
  checkText('channel', channel, LONGEST_CHANNEL)
}

function typeOf(options: PublishOptions): string {
  checkOptions('publish', options, ['type'])
  return checkName('type', options.type ?? 'message')
}

function checkSubscribe(
  channels: readonly string[],
  options: SubscribeOptions,
): { from: Readonly<Record<string, string>>; onEvent: SubscribeOptions['onEvent'] } {
  checkOptions('subscribe', options, ['from', 'onEvent'])
  const { from = {}, onEvent } = options
  if (typeof onEvent !== 'function') throw invalid('onEvent', onEvent, 'give a function')
  if (!Array.isArray(channels) || channels.length === 0 || channels.length > MOST_CHANNELS) {
    throw invalid('channels', channels, `give a list of 1 to ${MOST_CHANNELS} channels`)
  }
  for (const channel of channels) checkChannel(channel)
  if (typeof from !== 'object' || from === null) {
    throw invalid('from', from, 'give an object of channels and ids')
  }
  for (const [channel, cursor] of Object.entries(from)) checkCursor(channel, cursor)
  return { from, onEvent }
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
