import { randomOf } from '../harness/random.ts'
import type { Sabotage } from '../harness/sabotage.ts'

export const SPACE = 'chaos'
/** About how many events a channel keeps. A stream is trimmed by whole nodes of 100. */
export const HISTORY = 400

export interface ChannelPlan {
  readonly name: string
  /** The share of this channel in all events. */
  readonly weight: number
  /** Collapse keys of its events: a client that catches up gets only the newest event of each. */
  readonly coalesce?: readonly string[]
  /** Characters of padding in each event. */
  readonly padding?: number
}

export const CHANNELS: readonly [ChannelPlan, ...ChannelPlan[]] = [
  { name: 'news', weight: 10 },
  { name: 'room:1', weight: 6 },
  // Characters that must be escaped in a cursor.
  { name: 'user:ü&b=1%', weight: 4 },
  { name: 'prices', weight: 6, coalesce: ['acme', 'brew', 'corn'] },
  // So large that a client that does not read gets unsent bytes soon, in spite of the network's buffers.
  { name: 'fat', weight: 4, padding: 24_000 },
  // Few events: after a lost message there is no next one for a while.
  { name: 'quiet', weight: 0.5 },
]

/** The key of a channel's history. */
export function keyOf(channel: string): string {
  return `pk1:{${SPACE}}:notify:main:${channel}`
}

/** A channel that no client may follow. */
export const SECRET = 'secret'

/** An event: its publisher, and the content that must arrive. */
export interface Payload {
  /** Publisher. */
  readonly p: number
  /** Its number. */
  readonly n: number
  /** Channel. */
  readonly c: string
  /** Its coalesce key. */
  readonly s?: string
  readonly pad?: string
}

/** The content of an event. Every process computes it from the seed and the event's number. */
export interface Intent {
  readonly channel: ChannelPlan
  readonly payload: Payload
  /** Published with a dedup id, again until it is confirmed, and sometimes once more. */
  readonly keyed: boolean
}

const WEIGHTS = CHANNELS.reduce((sum, { weight }) => sum + weight, 0)

export function intentOf(seed: number, p: number, n: number): Intent {
  const random = randomOf(seed + p * 7919, n)
  let at = random.next() * WEIGHTS
  const channel = CHANNELS.find(({ weight }) => (at -= weight) < 0) ?? CHANNELS[0]
  return { channel, payload: payloadOf(channel, p, n, random.next()), keyed: random.next() < 0.6 }
}

/** The last event of a channel, by the first publisher. */
export function lastOf(channel: ChannelPlan, n: number): Intent {
  return { channel, payload: payloadOf(channel, 0, n, 0), keyed: true }
}

function payloadOf({ name, coalesce, padding }: ChannelPlan, p: number, n: number, at: number): Payload {
  return {
    p,
    n,
    c: name,
    ...(coalesce ? { s: coalesce[Math.floor(at * coalesce.length)] as string } : {}),
    ...(padding === undefined ? {} : { pad: 'x'.repeat(padding) }),
  }
}

/** Whether an event arrived as it was published. */
export function isIntact({ p, n, c, s, pad }: Payload, channel: string): boolean {
  const plan = CHANNELS.find(({ name }) => name === c)
  return (
    c === channel &&
    Number.isInteger(p) &&
    Number.isInteger(n) &&
    (s !== undefined) === (plan?.coalesce !== undefined) &&
    pad?.length === plan?.padding
  )
}

/** The configuration of every process. */
export interface Life {
  readonly folder: string
  readonly life: string
  readonly seed: number
}

/** The configuration of processes that use Redis. */
export interface RedisLife extends Life {
  readonly url: string
  readonly sabotage: readonly Sabotage[]
}

export interface PublisherConfig {
  readonly p: number
  readonly perSecond: number
}

export interface ServerConfig {
  readonly kind: 'express' | 'koa' | 'http' | 'http2'
  readonly port: number
}

/** A client within a process: its number there, and the channels it follows. */
export interface ClientPlan {
  readonly w: number
  readonly channels: readonly string[]
}

export interface HttpConfig {
  readonly port: number
  readonly clients: readonly ClientPlan[]
}

export interface RawClientPlan extends ClientPlan {
  readonly port: number
  readonly http2?: boolean
}

export interface RawConfig {
  readonly clients: readonly RawClientPlan[]
}

export interface ChromiumConfig extends HttpConfig {
  readonly binary: string
}

export interface LiveClientPlan extends ClientPlan {
  /** Over which transports it may connect. 'any': over whichever opens first. */
  readonly over: 'websocket' | 'sse' | 'any'
}

export interface LiveConfig {
  readonly port: number
  readonly clients: readonly LiveClientPlan[]
}

export interface WatcherConfig {
  readonly port: number
}

export interface CoreClientPlan extends ClientPlan {
  readonly manner: 'callback' | 'iterator' | 'state'
}

export interface CoreConfig {
  readonly clients: readonly CoreClientPlan[]
}
