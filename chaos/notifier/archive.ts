import { once } from 'node:events'

import { Redis } from 'ioredis'

import type { Journal } from '../harness/journal.ts'
import { CHANNELS, keyOf, type Payload } from './plan.ts'
import type { ArchiveRecord } from './records.ts'

/** Records each channel's history in Redis, event by event. The records of the clients are checked against it. */
export interface Archive {
  /** Records new events, if Redis is available. */
  poll(): Promise<void>
  /** Records new events. */
  read(): Promise<void>
  /** Records new events and, in the same transaction, trims each channel to its last events. */
  trim(to: number): Promise<void>
  /** Records new events and, in the same transaction, empties Redis. */
  flush(): Promise<void>
  /** Call it after a server was replaced or lost its data. Records what was lost, and continues. */
  compare(): Promise<void>
  /** Reads from this server from now on. */
  from(socket: string): void
  close(): void
}

type Entry = readonly [id: string, fields: string[]]

export function createArchive(journal: Journal<ArchiveRecord>, socket: string): Archive {
  const last = new Map<string, string>()
  const firsts = new Map<string, string>()
  let redis = open(socket)
  let turn: Promise<unknown> = Promise.resolve()

  /** One at a time, because two would record the same events. Waits until Redis is available. */
  function inTurn(act: () => Promise<void>): Promise<void> {
    const acted = turn.then(async () => {
      if (redis.status !== 'ready') await once(redis, 'ready')
      return act()
    })
    turn = acted.catch(() => {})
    return acted
  }

  async function read(then: readonly (readonly string[])[]): Promise<void> {
    const all = redis.multi()
    for (const { name } of CHANNELS) {
      const from = last.get(name)
      all.xrange(keyOf(name), from === undefined ? '-' : `(${from}`, '+')
    }
    for (const [command, ...args] of then) all.call(command as string, ...args)
    for (const { name } of CHANNELS) all.xrange(keyOf(name), '-', '+', 'COUNT', 1)
    const replies = (await settled(redis, all.exec())) ?? []
    const firstsFrom = CHANNELS.length + then.length
    for (const [at, { name }] of CHANNELS.entries()) {
      const [first] = (replies[firstsFrom + at]?.[1] ?? []) as Entry[]
      for (const [id, fields] of (replies[at]?.[1] ?? []) as Entry[]) {
        const { p, n, s } = JSON.parse(fields[fields.indexOf('d') + 1] as string) as Payload
        const tagged = `${id}-${fields[fields.indexOf('g') + 1]}`
        journal.write({ k: 'kept', c: name, id: tagged, p, n, ...(s === undefined ? {} : { s }) })
        last.set(name, id)
      }
      if (first && firsts.get(name) !== first[0]) {
        firsts.set(name, first[0])
        journal.write({ k: 'first', c: name, id: first[0] })
      }
    }
  }

  async function compare(): Promise<void> {
    for (const { name } of CHANNELS) {
      const [top] = await settled(redis, redis.xrevrange(keyOf(name), '+', '-', 'COUNT', 1))
      const after = top?.[0] ?? null
      if (after === (last.get(name) ?? null)) continue
      lost(name, after)
    }
  }

  function lost(channel: string, after: string | null): void {
    journal.write({ k: 'lost', c: channel, after })
    if (after === null) last.delete(channel)
    else last.set(channel, after)
  }

  return {
    read: () => inTurn(() => read([])),
    poll: () => (redis.status === 'ready' ? inTurn(() => read([])).catch(() => {}) : Promise.resolve()),
    trim: (to) =>
      inTurn(() => read(CHANNELS.map(({ name }) => ['XTRIM', keyOf(name), 'MAXLEN', String(to)]))),
    flush: () =>
      inTurn(async () => {
        await read([['FLUSHALL']])
        for (const { name } of CHANNELS) lost(name, null)
      }),
    compare: () => inTurn(compare),
    from(next) {
      redis.disconnect()
      redis = open(next)
    },
    close: () => redis.disconnect(),
  }
}

/** ioredis never settles commands that were pending when a connection ends. */
async function settled<T>(redis: Redis, asked: Promise<T>): Promise<T> {
  const over = new AbortController()
  const gone = once(redis, 'close', { signal: over.signal }).then(() => {
    throw new Error('the connection ended')
  })
  try {
    return await Promise.race([asked, gone])
  } finally {
    gone.catch(() => {})
    over.abort()
  }
}

function open(socket: string): Redis {
  const redis = new Redis(socket, {
    retryStrategy: () => 50,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
  })
  redis.on('error', () => {})
  return redis
}
