import {
  createNotifier,
  type Notifier,
  type NotifierEvent,
  type NotifierOptions,
  type NotifierSubscription,
} from '@penknife/core'
import type { Redis } from 'ioredis'

import { openReady } from './connect.ts'
import { type Bench, pattern } from './redis.ts'
import { until } from './until.ts'

/** The pub/sub channel and the history of the channel `room` of the space `shop`. */
export const ROOM = 'pk1:{shop}:notify:main:room'
export const ROOM_LIVE = `${ROOM}:live`

export async function openNotifier(
  bench: Pick<Bench, 'server'>,
  options: NotifierOptions = {},
): Promise<Notifier> {
  const penknife = await openReady(pattern(bench.server.url))
  return createNotifier(penknife.space('shop'), 'main', options)
}

/** A subscription and its events. */
export interface Recording {
  readonly subscription: NotifierSubscription
  readonly events: readonly NotifierEvent[]
  /** The data of the messages, of the others their kind. */
  data(): unknown[]
  /** Waits until that many events arrived. */
  received(count: number): Promise<void>
}

/** Subscribes to `room`, from an id on if there is one. */
export async function record(
  notifier: Pick<Notifier, 'subscribe'>,
  from?: string,
  channel: string = 'room',
): Promise<Recording> {
  const events: NotifierEvent[] = []
  const subscription = await notifier.subscribe([channel], {
    ...(from === undefined ? {} : { from: { [channel]: from } }),
    onEvent: (event) => events.push(event),
  })
  return {
    subscription,
    events,
    data: () => events.map((event) => (event.kind === 'message' ? event.data : event.kind)),
    received: (count) => until(`${count} events`, () => events.length >= count),
  }
}

/** Publishes numbers, one after the other is on its way; resolves with the ids. */
export function publishNumbers(notifier: Notifier, count: number, from: number = 0): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, (_, at) => notifier.publish('room', from + at)))
}

export const numbers = (count: number, from: number = 0): number[] =>
  Array.from({ length: count }, (_, at) => from + at)

/** How many connections of a server follow a pub/sub channel. */
export async function followers(raw: Redis, channel: string = ROOM_LIVE): Promise<number> {
  const [, count] = (await raw.call('PUBSUB', 'SHARDNUMSUB', channel)) as [string, number]
  return count
}
