import { createStream, type DeadLetter, type Stream, type StreamOptions } from '@penknife/core'
import type { Redis } from 'ioredis'

import { openReady } from './connect.ts'
import { type Bench, pattern } from './redis.ts'

/** The key of the stream that `orders` opens, and of its dead letters for a group. */
export const ORDERS = 'pk1:{shop}:stream:orders'
export const deadOf = (group: string): string => `${ORDERS}:dead:${group}`
export const readyOf = (group: string): string => `${ORDERS}:ready:${group}`
export const delayedOf = (group: string): string => `${ORDERS}:delayed:${group}`

/** The stream `orders` of the space `shop`, through a penknife of its own. */
export async function openOrders<T = number>(
  bench: Bench,
  options: StreamOptions<T> = {},
): Promise<Stream<T>> {
  const penknife = await openReady(pattern(bench.server.url))
  return createStream<T>(penknife.space('shop'), 'orders', options)
}

/** The entries that a group gave up on, newest first. */
export async function deadLettersOf(
  stream: Pick<Stream<unknown>, 'group'>,
  group: string,
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = []
  for await (const letter of stream.group(group).deadLetters.iterate()) letters.push(letter)
  return letters
}

/** Adds the numbers from 0 on; resolves with the ids. */
export function addNumbers(stream: Stream<number>, count: number, from: number = 0): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, (_, at) => stream.add(from + at)))
}

/** Another consumer takes entries of the group and gives no sign since `idleMs`: a worker that crashed. */
export async function abandon(raw: Redis, group: string, count: number, idleMs: number): Promise<string[]> {
  await raw.xgroup('CREATE', ORDERS, group, '0').catch(() => {})
  const reply = (await raw.xreadgroup('GROUP', group, 'crashed', 'COUNT', count, 'STREAMS', ORDERS, '>')) as
    | [string, [string, string[]][]][]
    | null
  const ids = (reply?.[0]?.[1] ?? []).map(([id]) => id)
  await raw.xclaim(ORDERS, group, 'crashed', 0, ...ids, 'IDLE', idleMs, 'JUSTID')
  return ids
}

/** The pending entries of a group, with their consumers and the time since the last renewal. */
export async function pendingOf(
  raw: Redis,
  group: string,
): Promise<readonly { id: string; consumer: string; idleMs: number }[]> {
  const found: { id: string; consumer: string; idleMs: number }[] = []
  for (const key of [ORDERS, readyOf(group)]) {
    const pending = (await raw.xpending(key, group, '-', '+', 1000)) as [string, string, number][]
    for (const [position, consumer, idleMs] of pending) {
      const [entry] = key === ORDERS ? [] : await raw.xrange(key, position, position)
      const fields = entry?.[1] ?? []
      found.push({ id: entry ? String(fields[fields.indexOf('i') + 1]) : position, consumer, idleMs })
    }
  }
  return found
}

/** Something is there for a group to handle again, as after so many attempts. */
export async function makeReady(
  raw: Redis,
  group: string,
  id: string,
  json: string,
  attempts = 0,
): Promise<void> {
  await raw.xadd(readyOf(group), '*', 'i', id, 'a', attempts, 'f', attempts, 'd', json)
}

/** What is done with an entry in its first delivery whose worker gave no sign. */
export async function takeOver(raw: Redis, group: string, id: string, json: string): Promise<void> {
  await raw.xack(ORDERS, group, id)
  await makeReady(raw, group, id, json, 1)
}

/** Names of the consumers that a group has. */
export async function consumersOf(raw: Redis, group: string): Promise<string[]> {
  const reply = (await raw.xinfo('CONSUMERS', ORDERS, group)) as unknown[][]
  return reply.map((fields) => String(fields[fields.indexOf('name') + 1]))
}

/** Connections that wait for new entries in a blocking read: of a worker, or of all that share connections. */
export async function readersWaiting(raw: Redis): Promise<number> {
  const clients = String(await raw.client('LIST')).split('\n')
  return clients.filter((line) => /flags=\S*b.*cmd=xread(group)?\b/.test(line)).length
}
