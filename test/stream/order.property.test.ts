import * as fc from 'fast-check'
import type { Redis } from 'ioredis'
import { expect, test } from 'vitest'

import { createRateLimiter, createStream } from '@penknife/core'

import { leasedEntry } from '../../packages/core/src/stream/leased-entry.ts'
import { createScope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings } from '../../packages/core/src/stream/settings.ts'
import { createTokenTakes } from '../../packages/core/src/stream/token-takes.ts'
import { bindWorkerScripts, type WorkerScripts } from '../../packages/core/src/stream/worker-scripts.ts'
import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { ORDERS } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'
import { compare, OrderModel } from './order-model.ts'

useSettableClock()

const bench = useRedis()
const READY = `${ORDERS}:ready:billing`
const CONSUMERS = ['one', 'two', 'three']
const KEYS = ['ann', 'annie', 'bob']

type Outcome = 'finish' | 'retry' | 'give back' | 'bury'
type Step =
  | { readonly do: 'add'; readonly key: number; readonly count: number; readonly delayMs: number }
  | { readonly do: 'read'; readonly by: number; readonly count: number }
  /** A worker sends outcomes of entries that it has, or once had. */
  | {
      readonly do: 'settle'
      readonly by: number
      readonly outcomes: readonly Outcome[]
      readonly run: number
    }
  /** A worker takes a token for an entry that it has, or once had. */
  | { readonly do: 'limit'; readonly by: number; readonly which: number; readonly denied: boolean }
  | { readonly do: 'leave'; readonly by: number }
  | { readonly do: 'wait'; readonly ms: number; readonly takeOver: boolean }
  | { readonly do: 'requeue' | 'purge' | 'delete' | 'cancel' | 'reschedule'; readonly which: number }

const by = fc.nat(CONSUMERS.length - 1)
const outcome = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Outcome>('finish') },
  { weight: 4, arbitrary: fc.constantFrom<Outcome>('retry', 'give back', 'bury') },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      key: fc.nat(KEYS.length - 1),
      count: fc.integer({ min: 1, max: 4 }),
      delayMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 50 })),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('read' as const), by, count: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      by,
      // Often fewer than those of a run.
      outcomes: fc.oneof(fc.array(outcome, { minLength: 1, maxLength: 5 }), fc.tuple(outcome)),
      run: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('limit' as const), by, which: fc.nat(3), denied: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), by }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.nat(40),
      takeOver: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'requeue' as const,
        'purge' as const,
        'delete' as const,
        'cancel' as const,
        'reschedule' as const,
      ),
      which: fc.nat(20),
    }),
  },
)

/** An entry that a consumer has read, and has not settled as far as it knows. */
interface Held {
  readonly id: string
  readonly source: 0 | 1
  readonly position: string
  readonly place: string
  readonly attempt: number
  readonly fence: number
  readonly dueMs: number | undefined
}

const NOTHING = {
  json: '{}',
  traceparent: undefined,
  dueMs: undefined,
  suspect: false,
  before: undefined,
  own: undefined,
} as const

const field = (fields: readonly string[], name: string): string | undefined =>
  fields[fields.indexOf(name) + 1 || fields.length]

test(
  'entries of a key take their places as in the model, whatever workers and their owners do, and however they die',
  { timeout: 300_000 },
  async () => {
    const penknife = await openReady(pattern(bench.server.url))
    const space = penknife.space('shop')
    const limiter = createRateLimiter(space, 'api', {
      place: 'space',
      rules: [{ name: 'rate', algorithm: 'sliding-log', limit: 1, window: '30ms' }],
    })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom({ limit: 1 }, { limit: 1, afterDead: 'stop' as const }, { limit: 2 }),
        fc.array(step, { minLength: 10, maxLength: 60 }),
        async (order, steps) => {
          await bench.raw.flushall()
          const clock = createClock(bench.raw)
          await clock.set(Date.now() * 1000)
          const nowMs = (): number => Math.floor(clock.now / 1000)
          const options = { groups: ['billing'], order }
          const stream = createStream<{ n: number }>(space, 'orders', options)
          const scope = createScope(space, 'orders', streamSettings(options))
          const scriptsOf = (lease: number): WorkerScripts[] =>
            CONSUMERS.map((name) =>
              bindWorkerScripts(scope, 'billing', name, { leaseMs: lease, maxAttempts: 1000 }),
            )
          const patient = scriptsOf(86_400_000)
          const greedy = scriptsOf(0)
          const [first] = patient as [WorkerScripts]
          const takes = CONSUMERS.map((consumer) =>
            createTokenTakes(scope, { limiter, group: 'billing', consumer, sourceKeys: [ORDERS, READY] }),
          )
          await first.open('0')
          const model = new OrderModel(order.limit, order.afterDead === 'stop')
          const held = new Map<string, Held[]>(CONSUMERS.map((name) => [name, []]))
          let number = 0

          function isHeld(consumer: string, { id, source, position }: Held): boolean {
            const entry = model.entries.get(id)
            return (
              entry?.lease === `${consumer} ${source} ${position}` &&
              entry.phase === 'held' &&
              ['placed', 'delayed'].includes(entry.state)
            )
          }

          async function read(consumer: string, count: number): Promise<void> {
            const reply = (await bench.raw.xreadgroup(
              'GROUP',
              'billing',
              consumer,
              'COUNT',
              count,
              'STREAMS',
              READY,
              ORDERS,
              '>',
              '>',
            )) as [string, [string, string[]][]][] | null
            for (const [key, entries] of reply ?? []) {
              for (const [position, id, fields] of entries.flatMap(entriesAt(key))) {
                const source = key === READY ? 1 : 0
                const dueMs = field(fields, 'n')
                const one: Held = {
                  id,
                  source,
                  position,
                  place: field(fields, 'k') ?? '',
                  attempt: Number(field(fields, 'a') ?? 0) + 1,
                  fence: Number(field(fields, 'f') ?? 0) + 1,
                  dueMs: dueMs === undefined ? undefined : Number(dueMs),
                }
                held.get(consumer)?.push(one)
                const entry = model.entries.get(id)
                expect(entry?.state).toBe(dueMs === undefined ? 'placed' : 'delayed')
                expect(entry?.phase).not.toBe('held')
                model.read(id, `${consumer} ${source} ${position}`)
              }
            }
          }

          async function settle(
            consumer: string,
            outcomes: readonly Outcome[],
            asked: number,
          ): Promise<void> {
            // As workers do: only with one place several entries are passed on together.
            const run = order.limit > 1 ? 1 : asked
            const mine = held.get(consumer) ?? []
            const batch = mine.splice(0, outcomes.length)
            const settled = batch.map((one, at) => ({
              one,
              outcome: one.dueMs === undefined ? (outcomes[at] as Outcome) : ('postpone' as const),
            }))
            const finished = settled
              .filter(({ outcome: how }) => how === 'finish')
              .map(({ one }) => one)
              .toSorted((a, b) => a.source - b.source || comparePositions(a.position, b.position))
            const lists = [0, 1].map((source) => finished.filter((one) => one.source === source))
            const moves = settled.filter(({ outcome: how }) => how !== 'finish')
            const expectedLost = new Set<string>()
            // What the model says.
            let open = finished.filter((one) => {
              if (isHeld(consumer, one)) return true
              expectedLost.add(one.id)
              return false
            })
            const firsts: Held[] = []
            // Places are passed on after all finished entries have left them.
            for (let pass = 0; pass < 2; pass++) {
              open = open.filter((one) => {
                const place = model
                  .placesOf(model.entries.get(one.id)?.key ?? '')
                  .find((ids) => ids.includes(one.id)) as string[]
                const before = place.slice(0, place.indexOf(one.id))
                if (!before.every((id) => firsts.some((other) => other.id === id))) return true
                firsts.push(one)
                return false
              })
            }
            for (const one of open) expectedLost.add(one.id)
            for (const one of firsts) model.finish(one.id, run)
            for (const { one, outcome: how } of moves) {
              if (!isHeld(consumer, one)) expectedLost.add(one.id)
              else if (how === 'postpone') Object.assign(model.entries.get(one.id) ?? {}, { phase: 'ready' })
              else if (how === 'give back') model.giveBack(one.id)
              else if (!model.isFirst(one.id)) expectedLost.add(one.id)
              else if (how === 'retry') model.retry(one.id, nowMs() + 10)
              else model.bury(one.id)
            }
            const code = ({ source }: Held): string => (source === 1 ? 'r' : 'm')
            const reply = await patient[CONSUMERS.indexOf(consumer)]?.settle(
              ++number,
              JSON.stringify([
                ...lists.map((list) => inRuns(list).map(({ position }) => position)),
                ...lists.map((list) => inRuns(list).map(({ place }) => place)),
                run,
              ]),
              JSON.stringify(
                moves.map(({ one, outcome: how }) => {
                  const from = [code(one), one.position]
                  if (how === 'postpone') return [...from, 'delayed', 0, one.fence, one.dueMs, '', '']
                  if (how === 'retry') return [...from, 'retrying', one.attempt, one.fence, 10, '', '']
                  if (how === 'give back') return [...from, 'waiting', one.attempt - 1, one.fence, 0, '', '']
                  return [...from, 'dead', one.attempt, one.fence, 0, 'failed', 'why']
                }),
              ),
            )
            const lost = new Set((reply ?? '').split(' '))
            const lostIds = batch
              .filter((one) => lost.has(`${one.source === 1 ? 'r' : ''}${one.position}`))
              .map(({ id }) => id)
            expect([...new Set(lostIds)].toSorted(compare)).toEqual([...expectedLost].toSorted(compare))
          }

          /** Entries that a worker is to give up, in the order of the scripts. */
          function pendingInOrder(of: (consumer: string) => boolean): Held[] {
            return [...held]
              .filter(([consumer]) => of(consumer))
              .flatMap(([consumer, list]) =>
                [...list, ...(gone.get(consumer) ?? [])].filter((one) => isHeld(consumer, one)),
              )
              .toSorted((a, b) => a.source - b.source || comparePositions(a.position, b.position))
          }
          /** Entries that a worker thinks it lost, and that are pending for it. */
          const gone = new Map<string, Held[]>(CONSUMERS.map((name) => [name, []]))

          async function maintain(consumer: number, takeOver: boolean): Promise<void> {
            const due = [...model.entries.values()]
              .filter(
                ({ state, phase, dueMs }) =>
                  dueMs <= nowMs() &&
                  ((state === 'placed' && phase === 'retrying') ||
                    (state === 'delayed' && setAside(state, phase))),
              )
              .filter(({ id }) => inDelayed.has(id))
              .toSorted((a, b) => a.dueMs - b.dueMs || compare(a.id, b.id))
            // Entries that are due at the same time become ready in an order that nothing depends on but this model.
            const packed = await bench.raw.zrangeBuffer(`${ORDERS}:delayed:billing`, '0', '-1')
            const rank = (id: string): number => packed.findIndex((member) => member.includes(packedId(id)))
            for (const { id } of due.toSorted((a, b) => a.dueMs - b.dueMs || rank(a.id) - rank(b.id)))
              model.due(id)
            if (takeOver) {
              for (const one of pendingInOrder(() => true)) {
                const entry = model.entries.get(one.id)
                if (one.dueMs === undefined) model.giveBack(one.id)
                else if (one.dueMs > nowMs()) Object.assign(entry ?? {}, { phase: 'ready' })
                else model.due(one.id)
              }
              // Workers do not know that yet.
            }
            await (takeOver ? greedy : patient)[consumer]?.check('0-0', '0-0')
          }
          const setAside = (state: string, phase: string): boolean => state === 'delayed' && phase === 'ready'
          let inDelayed = new Set<string>()
          async function look(): Promise<void> {
            const members = await bench.raw.zrangeBuffer(`${ORDERS}:delayed:billing`, '0', '-1')
            inDelayed = new Set(
              [...model.entries.keys()].filter((id) =>
                members.some((member) => member.includes(packedId(id))),
              ),
            )
          }

          async function checkPlaces(): Promise<void> {
            let cursors: readonly [string, string] = ['0', '']
            do {
              const [cursor, after] = await first.checkPlaces(...cursors)
              cursors = [cursor, after]
            } while (cursors[0] !== '0')
          }

          for (const each of steps) {
            await look()
            switch (each.do) {
              case 'add': {
                const key = KEYS[each.key] as string
                for (let n = 0; n < each.count; n++) {
                  const due = each.delayMs > 0 ? nowMs() + each.delayMs : undefined
                  const at = due === undefined ? {} : { at: due }
                  model.add(await stream.add({ n: (number += 1) }, { key, ...at }), key, due)
                }
                break
              }
              case 'read': {
                await read(CONSUMERS[each.by] as string, each.count)
                break
              }
              case 'settle': {
                const consumer = CONSUMERS[each.by] as string
                const before = [...(held.get(consumer) ?? [])]
                await settle(consumer, each.outcomes, each.run)
                gone.get(consumer)?.push(...before.slice(0, each.outcomes.length))
                break
              }
              case 'limit': {
                await limit(each.by, each.which, each.denied)
                break
              }
              case 'leave': {
                const consumer = CONSUMERS[each.by] as string
                for (const one of pendingInOrder((name) => name === consumer)) {
                  if (one.dueMs === undefined) model.giveBack(one.id)
                  else Object.assign(model.entries.get(one.id) ?? {}, { phase: 'ready' })
                }
                while (((await patient[each.by]?.leave()) ?? 0) > 0);
                break
              }
              case 'wait': {
                await clock.advance(each.ms * 1000)
                await maintain(0, each.takeOver)
                break
              }
              default: {
                await manage(each.do, each.which)
              }
            }
            await compareWithRedis(bench.raw, model)
          }

          async function limit(worker: number, which: number, denied: boolean): Promise<void> {
            const consumer = CONSUMERS[worker] as string
            const mine = held.get(consumer) ?? []
            const one = mine[which % Math.max(1, mine.length)]
            if (!one || one.dueMs !== undefined) return
            const { id, source, position, place, attempt, fence } = one
            const parsed = { ...NOTHING, id, attempt, fence, place }
            const entry = leasedEntry({ position, source, fields: [], parsed }, 1, 0, Infinity)
            // Somebody else took the token: it is denied.
            if (denied) await limiter.take('all')
            const taken = await takes[worker]?.(entry, 'all', 0, () => false)
            if (!isHeld(consumer, one)) expect(taken).toEqual({ kind: 'lost' })
            else if (taken?.kind !== 'allowed') {
              expect(taken?.kind).toBe(model.isFirst(id) ? 'aside' : 'denied')
              if (taken?.kind !== 'aside') return
              mine.splice(mine.indexOf(one), 1)
              gone.get(consumer)?.push(one)
              model.retry(id, nowMs() + taken.ms)
            }
          }

          async function manage(
            what: 'requeue' | 'purge' | 'delete' | 'cancel' | 'reschedule',
            which: number,
          ): Promise<void> {
            const all = [...model.entries.values()]
            if (what === 'cancel' || what === 'reschedule') {
              const one = all[which % Math.max(1, all.length)]
              if (!one) return
              const dueMs = nowMs() + 30
              const expected = what === 'cancel' ? model.cancel(one.id) : model.reschedule(one.id, dueMs)
              const { changed } =
                what === 'cancel' ? await stream.cancel(one.id) : await stream.reschedule(one.id, dueMs)
              expect(changed).toBe(expected)
              return
            }
            if (what === 'delete') {
              const here = all.filter(
                ({ id, state, phase }) => state === 'placed' && phase === 'ready' && model.isFirst(id),
              )
              const one = here[which % Math.max(1, here.length)]
              if (!one) return
              for (const id of await deleteByHand(bench.raw, one.id)) model.lose(id)
              await checkPlaces()
              return
            }
            const { deadLetters } = stream.group('billing')
            const { items } = await deadLetters.list()
            const letter = items[which % Math.max(1, items.length)]
            if (!letter) return
            expect(await deadLetters[what](letter.position)).toBe(1)
            model[what](letter.id)
          }

          // All that is left is handled by one worker; dead letters that stop their keys are purged.
          for (;;) {
            await clock.advance(60_000)
            await look()
            await maintain(0, true)
            for (const list of [...held.values(), ...gone.values()]) list.splice(0)
            for (const { position, id } of (await stream.group('billing').deadLetters.list()).items) {
              await stream.group('billing').deadLetters.purge(position)
              model.purge(id)
            }
            await read('one', 100)
            if (held.get('one')?.length === 0) break
            while ((held.get('one')?.length ?? 0) > 0) {
              await settle('one', Array<Outcome>(2).fill('finish'), 3)
              await compareWithRedis(bench.raw, model)
            }
          }
          expect([...model.entries.values()].filter(({ state }) => state !== 'over')).toEqual([])
          expect(Object.keys(await bench.raw.hgetall(`${ORDERS}:busy:billing`)).filter(Boolean)).toEqual([])
        },
      ),
      cases(150, 5000),
    )
  },
)

/** Compares the places and the queue of each key. */
async function compareWithRedis(raw: Redis, model: OrderModel): Promise<void> {
  const busy = await raw.hgetall(`${ORDERS}:busy:billing`)
  const ready = (await raw.xrange(READY, '-', '+')) as [string, string[]][]
  const dead = (await raw.xrange(`${ORDERS}:dead:billing`, '-', '+')) as [string, string[]][]
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
  const queued = await raw.zrange(`${ORDERS}:queued:billing`, '0', '-1')
  for (const key of model.keys) {
    for (const [at, ids] of model.placesOf(key).entries()) {
      const value = busy[at === 0 ? key : `${key}\x01${at + 1}`]
      expect(value?.split(' ').flatMap(eachOfRun).map(idOf) ?? []).toEqual(ids)
    }
    const inQueue = queued.filter((member) => member.startsWith(`${key}\0`))
    expect(inQueue.map(idInQueue)).toEqual(model.queuedOf(key).map(({ id }) => id))
  }
}

/** The id in a member of the queue. */
function idInQueue(member: string): string {
  const rest = member.slice(member.indexOf('\0') + 1)
  const msLength = rest.charCodeAt(0) - 64
  const numberLength = rest.charCodeAt(msLength + 1) - 64
  return `${rest.slice(1, msLength + 1)}-${rest.slice(msLength + 2, msLength + 2 + numberLength)}`
}

/** An id as cmsgpack writes it: one id may be the beginning of another. */
function packedId(id: string): Buffer {
  return Buffer.from(String.fromCharCode(0xa0 + id.length) + id, 'latin1')
}

/** Returns the ids of all entries that were deleted: those of a run go together. */
async function deleteByHand(raw: Redis, id: string): Promise<readonly string[]> {
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
function entriesAt(key: string): (at: [string, string[]]) => [string, string, string[]][] {
  return ([position, fields]) => {
    if (key !== READY) return [[position, position, fields]]
    if (fields[2] !== 'm') return [[position, String(field(fields, 'i')), fields]]
    const all = fields.filter((_, at) => at > 2 && at % 2 === 1)
    return all.map((member, at) => [`${position}/${at + 1}`, idInQueue(member), fields.slice(0, 2)])
  }
}

/** Entries of a run that follow each other become one position, as workers send them. */
function inRuns(list: readonly Held[]): readonly Pick<Held, 'position' | 'place'>[] {
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

function comparePositions(a: string, b: string): number {
  const [aBase = '', aNth = 0] = a.split('/')
  const [bBase = '', bNth = 0] = b.split('/')
  return compare(aBase, bBase) || Number(aNth) - Number(bNth)
}
