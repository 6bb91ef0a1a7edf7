import {
  connect,
  createLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  type StreamEntry,
  type LiveView,
  type Notifier,
  type RateLimiter,
  type Stream,
} from '@penknife/core'
import type { Exchange, RequestEntry } from '@penknife/http'
import type { Redis } from 'ioredis'

import { type Badge, type Click, createBadges, visitorChannel } from './badges.ts'
import { isAsset } from './assets.ts'
import { createBoard, type Named, type NamedRow, type Standing } from './board.ts'
import type { DemoRedis } from './redis.ts'
import { type Visitor, visitorOf } from './visitors.ts'

/** The demo without its HTTP framework: five pieces of penknife on one Redis. */
export interface Demo {
  readonly limiter: RateLimiter
  readonly requests: Stream<RequestEntry>
  readonly notifier: Notifier
  /** The channels that are live views. */
  readonly views: Readonly<Record<string, LiveView>>
  click(visitor: Visitor): Promise<Clicked>
  rename(visitor: Visitor): Promise<Standing>
  standing(visitor: Visitor): Promise<Standing>
  state(visitor: Visitor): Promise<State>
  health(): Promise<DemoHealth>
  /** Starts the demo's private Redis again after it was killed. False if the demo has none. */
  restartRedis(): Promise<boolean>
  close(): Promise<void>
}

export interface DemoHealth {
  readonly status: 'ok' | 'degraded' | 'unavailable'
  /** Whether the private Redis has ended, so that a page can offer to start it. */
  readonly canRestart: boolean
}

export interface Clicked extends Standing {
  /** Id of the click's stream entry. */
  readonly entry: string
  readonly score: number
}

/** All data that a page needs when it loads or reconnects. */
export interface State extends Standing {
  readonly member: string
  readonly rows: readonly NamedRow[]
  readonly badges: readonly Badge[]
  readonly log: readonly LogLine[]
}

/** A request as it is shown to everybody: without address and browser. */
export interface LogLine {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly ms: number
}

const LOG_LINES = 14

export function createDemo(redis: Redis, privateRedis?: DemoRedis): Demo {
  const penknife = connect(redis, { deadline: '1s' })
  const space = penknife.space('demo')

  const limiter = createRateLimiter(space, 'clicks', {
    rules: [
      { name: 'burst', limit: 10, window: '20s' },
      { name: 'steady', limit: 100, window: '10m' },
    ],
    whenUnavailable: 'closed',
    deadline: '1s',
  })
  const clicks = createStream<Click>(space, 'clicks', { groups: ['badges'], retain: { entries: 1000 } })
  const requests = createStream<RequestEntry>(space, 'requests', {
    groups: ['live'],
    retain: { entries: 200, lossy: true },
  })
  const scores = createLeaderboard<Named>(space, 'clicks', { live: true })
  const notifier = createNotifier(space, 'main', { history: 200 })

  const badges = createBadges(redis, notifier)
  const board = createBoard(scores)

  const worker = clicks.worker(
    'badges',
    async (click) => {
      const started = performance.now()
      const earned = await badges.handle(click)
      const { id: entry, attempt } = click
      const ms = Math.round((performance.now() - started) * 10) / 10
      const handled = { entry, attempt, ms, consumer: worker.consumer, badges: earned }
      await notifier.nudge(visitorChannel(click.payload.member), handled, { type: 'handled' })
    },
    // Short, so that the clicks of a killed server are handled soon after the next one starts.
    { lease: '5s', retryDelay: '250ms', maxAttempts: 20 },
  )
  let restarting: Promise<void> | undefined
  requests.worker('live', (entry) => notifier.nudge('log', logLine(entry), { type: 'log' }), { lease: '5s' })

  return {
    limiter,
    requests,
    notifier,
    async click({ member, name }) {
      // Two calls: after a crash in between, the entry exists and the board does not count it.
      const entry = await clicks.add({ member })
      if (name !== undefined) await board.rename(member, name)
      const score = await scores.increment(member)
      return { entry, score, ...(await board.standing(member)) }
    },
    async rename({ member, name }) {
      if (name !== undefined) await board.rename(member, name)
      return board.standing(member)
    },
    standing: ({ member }) => board.standing(member),
    async state({ member }) {
      const [rows, standing, earned, entries] = await Promise.all([
        board.top(),
        board.standing(member),
        badges.of(member),
        requests.read({ reverse: true, limit: LOG_LINES }),
      ])
      return { member, rows, ...standing, badges: earned, log: entries.items.map(logLine) }
    },
    async health() {
      const { status } = await penknife.health()
      return { status, canRestart: privateRedis !== undefined && !privateRedis.server.running }
    },
    async restartRedis() {
      if (!privateRedis || privateRedis.server.running) return false
      await (restarting ??= privateRedis.start().finally(() => (restarting = undefined)))
      return true
    },
    views: { board: board.view },
    close: () => penknife.close(),
  }
}

/** For `rateLimit`: a visitor's clicks from all addresses count together. */
export function byVisitor({ query }: Exchange): string {
  return visitorOf(Object.fromEntries(query)).id
}

/** For `notifications`: a visitor's own channel, and those that everybody follows. */
export function channelsOf({ query }: Exchange): readonly string[] {
  return [visitorChannel(visitorOf(Object.fromEntries(query)).member), 'board', 'log']
}

/** For `requestLog`: without the requests that pages send all the time by themselves. */
export function isBackground({ path }: Exchange): boolean {
  return path === '/health' || isAsset(path)
}

function logLine({ id, payload }: StreamEntry<RequestEntry>): LogLine {
  const { method, path, status, durationMs } = payload
  return { id, method: method.slice(0, 8), path: path.slice(0, 80), status, ms: durationMs }
}
