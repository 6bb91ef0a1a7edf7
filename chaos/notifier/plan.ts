import { randomOf } from '../harness/random.ts'
import type { Sabotage } from '../harness/sabotage.ts'

export const SPACE = 'chaos'
/** Events that a channel keeps; about, since a stream is trimmed by whole nodes of 100. */
export const HISTORY = 400

export interface ChannelPlan {
  readonly name: string
  /** Of all events, how many are this channel's. */
  readonly weight: number
  /** Names of what its events tell anew: who catches up gets only the newest of each. */
  readonly coalesce?: readonly string[]
  /** Characters of padding in each event. */
  readonly padding?: number
}

export const CHANNELS: readonly [ChannelPlan, ...ChannelPlan[]] = [
  { name: 'news', weight: 10 },
  { name: 'room:1', weight: 6 },
  // What has to be escaped in a cursor.
  { name: 'user:ü&b=1%', weight: 4 },
  { name: 'prices', weight: 6, coalesce: ['acme', 'brew', 'corn'] },
  // Large enough for clients that do not read to fall behind what the network holds for them.
  { name: 'fat', weight: 4, padding: 24_000 },
  // A lost message here has no successor for a while.
  { name: 'quiet', weight: 0.5 },
]

/** Where Redis has a channel's history. */
export function keyOf(channel: string): string {
  return `pk1:{${SPACE}}:notify:main:${channel}`
}

/** Nobody may follow it. */
export const SECRET = 'secret'

/** An event: whose it is, and what must arrive with it. */
export interface Payload {
  /** Publisher. */
  readonly p: number
  /** Its number. */
  readonly n: number
  /** Channel. */
  readonly c: string
  /** What it tells anew. */
  readonly s?: string
  readonly pad?: string
}

/** What an event is like, known to every process from the seed and its number. */
export interface Intent {
  readonly channel: ChannelPlan
  readonly payload: Payload
  /** Published under an id, again until it is confirmed, and sometimes once more. */
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

/** What every process is told. */
export interface Life {
  readonly folder: string
  readonly life: string
  readonly seed: number
}

/** What those are told who speak to Redis. */
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

export interface RawConfig extends HttpConfig {
  readonly http2?: boolean
}

export interface ChromiumConfig extends HttpConfig {
  readonly binary: string
}

export interface CoreClientPlan extends ClientPlan {
  readonly manner: 'callback' | 'iterator' | 'state'
}

export interface CoreConfig {
  readonly clients: readonly CoreClientPlan[]
}
