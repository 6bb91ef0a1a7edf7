import type { StreamWatch, StreamWatchEvent } from '@penknife/core'

import type { LiveGroup, LiveStream, Percentiles } from './api-types.ts'
import { Refusal } from './failures.ts'
import { eventText } from './live.ts'
import { readStream } from './reads/streams.ts'
import type { Dashboard } from './route.ts'

const EVERY_MS = 2000
const RATES_MS = 1000
/** Streams that are followed at once. */
const MOST_STREAMS = 20
const MOST_GROUPS = 50
const MOST_EVENTS = 50
/** Deliveries of a group whose times are kept, at most of the last five minutes. */
const MOST_TIMES = 2000
const OVER_MS = 300_000

/** Sends the state of a stream and what its workers report. All clients of a stream share one reading. */
export interface LiveStreams {
  /** @throws Refusal when too many streams are followed. */
  follow(space: string, stream: string): (send: (text: string) => void) => () => void
  close(): void
}

export function createLiveStreams(dashboard: () => Dashboard): LiveStreams {
  const feeds = new Map<string, Feed>()

  return {
    follow(space, stream) {
      const key = `${space} ${stream}`
      if (!feeds.has(key) && feeds.size >= MOST_STREAMS)
        throw new Refusal('busy', `${MOST_STREAMS} streams are followed already.`)
      return (send) => {
        const feed = feeds.get(key) ?? createFeed(dashboard(), space, stream)
        feeds.set(key, feed)
        const leave = feed.follow(send)
        return () => {
          leave()
          if (feed.size > 0) return
          feed.close()
          feeds.delete(key)
        }
      }
    },
    close() {
      for (const feed of feeds.values()) feed.close()
      feeds.clear()
    },
  }
}

interface Feed {
  readonly size: number
  follow(send: (text: string) => void): () => void
  close(): void
}

function createFeed(dashboard: Dashboard, space: string, stream: string): Feed {
  const clients = new Set<(text: string) => void>()
  const startedAt = performance.now()
  const groups = new Map<string, Times>()
  let events: StreamWatchEvent[] = []
  let eventCount = 0
  let watch: StreamWatch | undefined
  let watching = false
  let closed = false
  // The first state is sent at once, without rates.
  let over = 0
  let timer: NodeJS.Timeout | undefined

  function note(event: StreamWatchEvent): void {
    eventCount += 1
    events.push(cutEvent(event))
    if (events.length > MOST_EVENTS) events.shift()
    if (!('group' in event)) return
    let times = groups.get(event.group)
    if (!times && groups.size < MOST_GROUPS) groups.set(event.group, (times = createTimes()))
    times?.note(event)
  }

  /** Workers report only while somebody watches. It is tried again while Redis is away. */
  async function ensureWatch(): Promise<void> {
    if (watch || watching) return
    watching = true
    try {
      const opened = await dashboard.stream(space, stream)
      const begun = await opened.watch(note)
      if (closed) begun.close()
      else watch = begun
    } catch {
      // The next tick tries again; until then there are no events.
    } finally {
      watching = false
    }
  }

  async function tick(): Promise<void> {
    void ensureWatch()
    let state: LiveStream = { atMs: Date.now(), groups: [], events: [], eventCount: 0 }
    try {
      const answer = await readStream(dashboard, space, stream, over)
      over = RATES_MS
      state = { ...state, answer }
    } catch {
      // Redis is away, or the stream is not registered any more.
    }
    const overMs = Math.min(OVER_MS, performance.now() - startedAt)
    state = { ...state, groups: [...groups].map(([name, times]) => ({ name, overMs, ...times.read() })) }
    const text = eventText('state', { ...state, events, eventCount })
    events = []
    eventCount = 0
    for (const send of clients) send(text)
    if (!closed) timer = setTimeout(() => void tick(), EVERY_MS).unref()
  }

  return {
    get size() {
      return clients.size
    },
    follow(send) {
      clients.add(send)
      if (clients.size === 1) void tick()
      return () => clients.delete(send)
    },
    close() {
      closed = true
      clearTimeout(timer)
      watch?.close()
      clients.clear()
    },
  }
}

const LONGEST_ERROR = 300

function cutEvent(event: StreamWatchEvent): StreamWatchEvent {
  if (!('error' in event) || event.error.length <= LONGEST_ERROR) return event
  return { ...event, error: event.error.slice(0, LONGEST_ERROR) }
}

interface Times {
  note(event: StreamWatchEvent): void
  read(): Omit<LiveGroup, 'name' | 'overMs'>
}

interface Sample {
  readonly at: number
  readonly ms: number
}

function createTimes(): Times {
  const waits: Sample[] = []
  const runs: Sample[] = []
  const ends: { readonly at: number; readonly kind: 'done' | 'failed' | 'dead' }[] = []

  function push<Item>(to: Item[], item: Item): void {
    to.push(item)
    if (to.length > MOST_TIMES) to.shift()
  }

  return {
    note(event) {
      const at = performance.now()
      if (event.kind === 'started') push(waits, { at, ms: event.waitMs })
      if (event.kind !== 'done' && event.kind !== 'failed' && event.kind !== 'dead') return
      push(ends, { at, kind: event.kind })
      if (event.kind !== 'dead' && event.runMs !== undefined) push(runs, { at, ms: event.runMs })
    },
    read() {
      const oldest = performance.now() - OVER_MS
      const count = (kind: string): number =>
        ends.filter((end) => end.kind === kind && end.at >= oldest).length
      const wait = percentiles(waits, oldest)
      const run = percentiles(runs, oldest)
      return {
        done: count('done'),
        failed: count('failed'),
        dead: count('dead'),
        ...(wait ? { wait } : {}),
        ...(run ? { run } : {}),
      }
    },
  }
}

/** Nearest-rank percentiles. Undefined without a sample. */
function percentiles(samples: readonly Sample[], oldest: number): Percentiles | undefined {
  const sorted = samples
    .filter(({ at }) => at >= oldest)
    .map(({ ms }) => ms)
    .toSorted((a, b) => a - b)
  const at = (percent: number): number => sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? 0
  if (sorted.length === 0) return undefined
  return { p50: at(50), p95: at(95), most: at(100), count: sorted.length }
}
