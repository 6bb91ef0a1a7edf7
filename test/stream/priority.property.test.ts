import { createStream, type Stream } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createScope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings } from '../../packages/core/src/stream/settings.ts'
import { bindWorkerScripts } from '../../packages/core/src/stream/worker-scripts.ts'
import { openReady } from '../support/connect.ts'
import { deadOf, delayedOf, ORDERS, readyOf } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }
const LOWS = `${ORDERS}:low:billing`
const LATER = { delay: '1h' } as const

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('normal', 'high', 'low', 'low', 'some low', 'low later') },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'read',
      'promote',
      'promote always',
      'maintain',
      'die',
      'finish',
      'retry',
      'give back',
      'bury',
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom('cancel', 'now', 'in an hour', 'requeue', 'clear') },
)

/** An entry of the model, and where it is. A place is a key of Redis. */
interface Entry {
  readonly low: boolean
  place: string
  held: { code: string; position: string } | undefined
}

/**
 * A process may die before or after each script. So it is enough that after each one every entry is in exactly one place, and can be found,
 * whatever was called before.
 */
test('an entry of any priority is in exactly one place after every script, and those of low priority move in their order', async () => {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const scope = createScope(space, 'orders', streamSettings(QUEUE))
  const worker = bindWorkerScripts(scope, 'billing', 'one', { leaseMs: 86_400_000, maxAttempts: 1000 })
  const lost = bindWorkerScripts(scope, 'billing', 'two', { leaseMs: 0, maxAttempts: 1000 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ do: step, which: fc.nat(5) }), { minLength: 5, maxLength: 40 }),
      async (steps) => {
        await bench.raw.flushall()
        const stream: Stream<number> = createStream(space, 'orders', QUEUE)
        const group = stream.group('billing')
        await worker.open('0')
        const model = new Map<string, Entry>()
        let number = 0

        const all = (fits: (entry: Entry) => boolean): [string, Entry][] =>
          [...model].filter(([, entry]) => fits(entry))
        const inLow = (): string[] =>
          all(({ place }) => place === LOWS)
            .map(([id]) => id)
            .toSorted(compareIds)
        const waits = (): boolean =>
          all(({ place, held }) => !held && (place === ORDERS || place === readyOf('billing'))).length > 0
        const move = (id: string, place: string): void => {
          Object.assign(model.get(id) as Entry, { place, held: undefined })
        }

        async function add(priority: 'high' | 'normal' | 'low', options: object = {}): Promise<void> {
          const others = waits() || inLow().length > 0
          const id = await stream.add(1, { priority, ...options })
          const placeOf = {
            normal: ORDERS,
            high: readyOf('billing'),
            low: others ? LOWS : readyOf('billing'),
          }
          // A worker moves a normal entry with a delay there when it reads it.
          const later = priority === 'normal' ? ORDERS : delayedOf('billing')
          model.set(id, {
            low: priority === 'low',
            place: 'delay' in options ? later : placeOf[priority],
            held: undefined,
          })
        }

        async function settle([id, entry]: [string, Entry], to: string): Promise<void> {
          const { code, position } = entry.held as NonNullable<Entry['held']>
          const moves =
            to === 'finish' ? [] : [[code, position, to, 1, 1, to === 'delayed' ? 9e12 : 0, 'failed', 'why']]
          const done =
            to === 'finish' ? [code === 'm' ? [position] : [], code === 'r' ? [position] : []] : [[], []]
          expect(await worker.settle(++number, JSON.stringify(done), JSON.stringify(moves))).toBe('')
          if (to === 'finish') model.delete(id)
          else
            move(
              id,
              to === 'waiting'
                ? readyOf('billing')
                : to === 'dead'
                  ? deadOf('billing')
                  : delayedOf('billing'),
            )
        }

        async function promote(count: number, always: boolean): Promise<void> {
          const before = inLow()
          const may = always || !waits()
          const moved = may ? before.slice(0, count) : []
          expect(await worker.promote(count, always)).toEqual([
            moved.length,
            before.length > moved.length ? 1 : 0,
          ])
          for (const id of moved) move(id, readyOf('billing'))
        }

        /** What is due waits again. A retry of the model is due at once. */
        function comeDue(): void {
          for (const [id, entry] of all(({ place }) => place === 'due'))
            move(id, entry.low ? LOWS : readyOf('billing'))
        }

        async function read(): Promise<void> {
          const keys = [readyOf('billing'), ORDERS]
          const found = await bench.raw.xreadgroup(
            'GROUP',
            'billing',
            'one',
            'COUNT',
            1,
            'STREAMS',
            ...keys,
            '>',
            '>',
          )
          for (const [key, entries] of (found ?? []) as [string, [string, string[]][]][]) {
            for (const [position, fields] of entries) {
              const id = key === ORDERS ? position : (fields[fields.indexOf('i') + 1] as string)
              const entry = model.get(id) as Entry
              expect(entry.place).toBe(key)
              entry.held = { code: key === ORDERS ? 'm' : 'r', position }
              if (fields.includes('n')) await settle([id, entry], 'delayed')
            }
          }
        }

        for (const { do: what, which } of steps) {
          const held = all((entry) => entry.held !== undefined)
          const one = held[which % Math.max(1, held.length)]
          const [id, entry] = [...model][which % Math.max(1, model.size)] ?? []
          if (what === 'normal' || what === 'high' || what === 'low') await add(what)
          else if (what === 'low later') await add('low', LATER)
          else if (what === 'some low') {
            const others = waits() || inLow().length > 0
            // In one script call.
            const ids = await stream.addMany([1, 2, 3], { priority: 'low' })
            for (const [at, each] of ids.entries()) {
              model.set(each, {
                low: true,
                place: at === 0 && !others ? readyOf('billing') : LOWS,
                held: undefined,
              })
            }
          } else if (what === 'read') await read()
          else if (what === 'promote') await promote(which, false)
          else if (what === 'promote always') await promote(which, true)
          else if (what === 'maintain') {
            const [, , state] = await worker.check('0-0', '0-0')
            comeDue()
            expect(state >= 4).toBe(inLow().length > 0)
          } else if (what === 'die') {
            await lost.check('0-0', '0-0')
            comeDue()
            for (const [each] of held) move(each, readyOf('billing'))
          } else if (what === 'clear') {
            const running = new Set(held.map(([each]) => each))
            const gone = all(({ place }) => place !== deadOf('billing')).filter(
              ([each]) => !running.has(each),
            )
            expect(await group.clear()).toBe(gone.length)
            for (const [each] of gone) model.delete(each)
          } else if (what === 'requeue') {
            await group.deadLetters.requeue({})
            for (const [each] of all(({ place }) => place === deadOf('billing')))
              move(each, readyOf('billing'))
          } else if (what === 'cancel' && id !== undefined && entry) {
            const { changed } = await stream.cancel(id)
            expect(changed).toBe(entry.place !== deadOf('billing'))
            if (changed) model.delete(id)
          } else if ((what === 'now' || what === 'in an hour') && id !== undefined && entry) {
            const { changed } = await stream.reschedule(id, what === 'now' ? 0 : Date.now() + 3_600_000)
            expect(changed).toBe(entry.place !== deadOf('billing') && entry.held === undefined)
            if (changed) move(id, what === 'now' ? readyOf('billing') : delayedOf('billing'))
          } else if (one && what === 'finish') await settle(one, 'finish')
          else if (one && what === 'retry') {
            await settle(one, 'retrying')
            one[1].place = 'due'
          } else if (one && what === 'give back') await settle(one, 'waiting')
          else if (one && what === 'bury') await settle(one, 'dead')

          const expected = [...model].map(
            ([each, { place }]) => `${place === 'due' ? delayedOf('billing') : place} ${each}`,
          )
          expect((await places()).toSorted()).toEqual(expected.toSorted())
          const [counts] = (await stream.stats({ over: 0 })).groups
          const running = all((each) => each.held !== undefined).length
          const dead = all(({ place }) => place === deadOf('billing')).length
          const delayed = all(({ place }) => place === 'due' || place === delayedOf('billing')).length
          expect(counts).toMatchObject({
            running,
            dead,
            delayed,
            waiting: model.size - running - dead - delayed,
          })
          if (id !== undefined && model.has(id)) expect((await stream.find(id)).state).not.toBe('gone')
        }
      },
    ),
    cases(40, 3000),
  )

  /** Each entry, with each key in which it is. */
  async function places(): Promise<string[]> {
    const found: string[] = []
    for (const [id] of await bench.raw.xrange(ORDERS, '-', '+')) found.push(`${ORDERS} ${id}`)
    for (const key of [readyOf('billing'), deadOf('billing')]) {
      for (const [, fields] of await bench.raw.xrange(key, '-', '+'))
        found.push(`${key} ${fields[fields.indexOf('i') + 1]}`)
    }
    for (const member of await bench.raw.zrange(LOWS, '0', '-1'))
      found.push(`${LOWS} ${idOf(member, /^\0[A-Z](\d+)[A-Z](\d+)\0/)}`)
    for (const member of await bench.raw.zrange(delayedOf('billing'), '0', '-1')) {
      found.push(`${delayedOf('billing')} ${idOf(member, /(\d{13})-(\d+)/)}`)
    }
    return found
  }
})

function idOf(member: string, form: RegExp): string {
  const [, ms, at] = form.exec(member) ?? []
  return `${ms}-${at}`
}

function compareIds(a: string, b: string): number {
  const [aMs = 0, aAt = 0] = a.split('-').map(Number)
  const [bMs = 0, bAt = 0] = b.split('-').map(Number)
  return aMs - bMs || aAt - bAt
}
