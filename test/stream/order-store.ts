import type { Redis } from 'ioredis'
import { expect } from 'vitest'

import { ORDERS } from '../support/orders.ts'
import { compare, type OrderModel } from './order-model.ts'

export const READY = `${ORDERS}:ready:billing`

/** An entry that a consumer has read, and has not settled as far as it knows. */
export interface Held {
  readonly id: string
  readonly source: 0 | 1
  readonly position: string
  readonly place: string
  readonly attempt: number
  readonly fence: number
  readonly dueMs: number | undefined
}

/** A field of an entry of a Redis stream. */
export const field = (fields: readonly string[], name: string): string | undefined =>
  fields[fields.indexOf(name) + 1 || fields.length]

/** Compares the places and the queue of each key. Returns the members of `delayed`. */
export async function compareWithRedis(raw: Redis, model: OrderModel): Promise<readonly Buffer[]> {
  const read = raw
    .pipeline()
    .hgetall(`${ORDERS}:busy:billing`)
    .xrange(READY, '-', '+')
    .xrange(`${ORDERS}:dead:billing`, '-', '+')
    .zrange(`${ORDERS}:queued:billing`, '0', '-1')
    .zrangeBuffer(`${ORDERS}:delayed:billing`, '0', '-1')
  const [busy, ready, dead, queued, delayed] = ((await read.exec()) ?? []).map(([, reply]) => reply) as [
    Readonly<Record<string, string>>,
    [string, string[]][],
    [string, string[]][],
    string[],
    Buffer[],
  ]
  const idAt = new Map<string, string | undefined>([
    ...ready.flatMap(entriesAt(READY)).map(([position, id]) => [`r${position}`, id] as const),
    ...dead.map(([position, fields]) => [`x${position}`, field(fields, 'i')] as const),
  ])
  const idOf = (location: string): string | undefined =>
    location.startsWith('m')
      ? location.slice(1)
      : location.startsWith('d')
        ? location.split('/')[1]
        : idAt.get(location)
  const placed = (key: string): unknown =>
    model.placesOf(key).map((_ids, at) => {
      const value = busy[at === 0 ? key : `${key}\x01${at + 1}`]
      return value?.split(' ').flatMap(eachOfRun).map(idOf) ?? []
    })
  const waiting = (key: string): unknown =>
    queued.filter((member) => member.startsWith(`${key}\0`)).map(idInQueue)
  const actual = model.keys.map((key) => [key, placed(key), waiting(key)])
  expect(actual).toEqual(
    model.keys.map((key) => [key, model.placesOf(key), model.queuedOf(key).map(({ id }) => id)]),
  )
  return delayed
}

/** The id in a member of the queue. */
function idInQueue(member: string): string {
  const rest = member.slice(member.indexOf('\0') + 1)
  const msLength = rest.charCodeAt(0) - 64
  const numberLength = rest.charCodeAt(msLength + 1) - 64
  return `${rest.slice(1, msLength + 1)}-${rest.slice(msLength + 2, msLength + 2 + numberLength)}`
}

/** An id as cmsgpack writes it: one id may be the beginning of another. */
export function packedId(id: string): Buffer {
  return Buffer.from(String.fromCharCode(0xa0 + id.length) + id, 'latin1')
}

/** Returns the ids of all entries that were deleted: those of a run go together. */
export async function deleteByHand(raw: Redis, id: string): Promise<readonly string[]> {
  if ((await raw.xdel(ORDERS, id)) === 1) return [id]
  for (const each of (await raw.xrange(READY, '-', '+')) as [string, string[]][]) {
    const ids = entriesAt(READY)(each).map(([, its]) => its)
    if (!ids.includes(id)) continue
    await raw.xdel(READY, each[0])
    return ids
  }
  return []
}

/** The entries of a position, which are several of a run: position, id and fields. */
export function entriesAt(key: string): (at: [string, string[]]) => [string, string, string[]][] {
  return ([position, fields]) => {
    if (key !== READY) return [[position, position, fields]]
    if (fields[2] !== 'm') return [[position, String(field(fields, 'i')), fields]]
    const all = fields.filter((_, at) => at > 2 && at % 2 === 1)
    return all.map((member, at) => [`${position}/${at + 1}`, idInQueue(member), fields.slice(0, 2)])
  }
}

/** Entries of a run that follow each other become one position, as workers send them. */
export function inRuns(list: readonly Held[]): readonly Pick<Held, 'position' | 'place'>[] {
  const all: { position: string; place: string }[] = []
  for (const { position, place } of list) {
    const [base, nth] = position.split('/')
    const before = all.at(-1)
    const [run, range = ''] = before?.position.split('/') ?? []
    const [first, last = first] = range.split(':')
    if (before && nth !== undefined && run === base && Number(last) + 1 === Number(nth)) {
      before.position = `${base}/${first}:${nth}`
    } else all.push({ position, place })
  }
  return all
}

/** A whole run is stored as one location. */
function eachOfRun(location: string): string[] {
  const [run, last] = location.split('/1:')
  return last === undefined ? [location] : Array.from({ length: Number(last) }, (_, at) => `${run}/${at + 1}`)
}

export function comparePositions(a: string, b: string): number {
  const [aBase = '', aNth = 0] = a.split('/')
  const [bBase = '', bNth = 0] = b.split('/')
  return compare(aBase, bBase) || Number(aNth) - Number(bNth)
}
