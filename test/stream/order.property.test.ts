import * as fc from 'fast-check'
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
import { CONSUMERS, KEYS, type Outcome, step } from './order-steps.ts'
import {
  comparePositions,
  compareWithRedis,
  deleteByHand,
  entriesAt,
  field,
  type Held,
  inRuns,
  packedId,
  READY,
} from './order-store.ts'

useSettableClock()

const bench = useRedis()
const NOTHING = {
  json: '{}',
  traceparent: undefined,
  dueMs: undefined,
  suspect: false,
  before: undefined,
  own: undefined,
} as const

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
          async function compareAll(): Promise<void> {
            const members = await compareWithRedis(bench.raw, model)
            const ids = [...model.entries.keys()]
            inDelayed = new Set(ids.filter((id) => members.some((member) => member.includes(packedId(id)))))
          }

          async function checkPlaces(): Promise<void> {
            let cursors: readonly [string, string] = ['0', '']
            do {
              const [cursor, after] = await first.checkPlaces(...cursors)
              cursors = [cursor, after]
            } while (cursors[0] !== '0')
          }

          for (const each of steps) {
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
            await compareAll()
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
            const taken = await takes[worker]?.(entry, 'all', { behindMs: 0, paceMs: 10 }, () => false)
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
              await compareAll()
            }
          }
          expect([...model.entries.values()].filter(({ state }) => state !== 'over')).toEqual([])
          expect(Object.keys(await bench.raw.hgetall(`${ORDERS}:busy:billing`)).filter(Boolean)).toEqual([])
        },
      ),
      cases(90, 5000),
    )
  },
)
