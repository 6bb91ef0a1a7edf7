import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { guardPermit, guardRepermit, guardUnpermit } from '../../packages/core/src/redis/scripts.gen.ts'
import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const LEASE_MS = 1000
const CLAIM_MS = 100
const SIZE = 4
const CHANNEL = 'pk1:{shop}:permit-process:live'
const PROCESSES = ['p0', 'p1', 'p2']
const PLACES = ['pk1:{shop}:permit:a', 'pk1:{shop}:permit-extra:a', 'pk1:{shop}:permit-queue:a'] as const

interface Caller {
  readonly ticket: string
  readonly weight: number
  order: string
  state: 'waits' | 'holds' | 'over'
}

const nth = fc.nat({ max: 30 })
const anyProcess = fc.constantFrom(...PROCESSES)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      process: anyProcess,
      weight: fc.integer({ min: 1, max: SIZE }),
      waits: fc.boolean(),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('again' as const), nth }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('release' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('renew' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('process' as const), process: anyProcess }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 150 }), fc.integer({ min: 0, max: 1500 })),
    }),
  },
)

const seen = { granted: 0, blocked: 0, offered: 0, lost: 0 }

test('a semaphore never has more permits than its size, in the order of the living, with fences that rise', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const { bind, keys } = penknife.space('shop').runtime
  const { route } = keys
  const take = bind(guardPermit, [['pk1:{shop}:fence:last'], CHANNEL, SIZE, LEASE_MS, CLAIM_MS])
  const give = bind(guardUnpermit, [CHANNEL, SIZE, CLAIM_MS])
  const renew = bind(guardRepermit, [LEASE_MS])
  const clock = createClock(bench.raw)
  const pubsub = new Redis(bench.server.socket)
  onTestFinished(() => pubsub.disconnect())

  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
    await bench.raw.flushall()
    await clock.set(START_US)
    const living = new Set(PROCESSES)
    await pubsub.ssubscribe(...PROCESSES.map((process) => CHANNEL + process))
    const callers: Caller[] = []
    /** When leases end, of those that were given. */
    const leases = new Map<string, number>()
    let [fence, number] = [0, 0]

    const inForce = (ticket: string): boolean => (leases.get(ticket) ?? 0) > clock.now
    const weightOf = (ticket: string): number => Number(ticket.split(':')[2] ?? 1)
    /** Permits that are taken or offered, by Redis; and the first of the living that waits. */
    const look = async () => {
      const held = await bench.raw.zrange(PLACES[0], `(${clock.now}`, '+inf', 'BYSCORE')
      const queue = await bench.raw.zrange(PLACES[2], '0', '-1', 'WITHSCORES')
      const first = queue.findIndex(
        (ticket, at) => at % 2 === 0 && living.has(ticket.split(':')[0] as string),
      )
      return {
        held,
        taken: held.reduce((sum, ticket) => sum + weightOf(ticket), 0),
        first: first < 0 ? undefined : { ticket: queue[first] as string, order: Number(queue[first + 1]) },
      }
    }
    const check = async (): Promise<void> => {
      const { held, taken } = await look()
      expect(taken).toBeLessThanOrEqual(SIZE)
      // What was given is there.
      for (const ticket of leases.keys()) if (inForce(ticket)) expect(held).toContain(ticket)
    }
    const askFor = async (caller: Caller, order: string): Promise<void> => {
      const mine = order === '+' || order === '-' ? Infinity : Number(order)
      const { held, taken, first } = await look()
      const has = held.includes(caller.ticket)
      if (has && !inForce(caller.ticket)) seen.offered++
      const turn = !first || first.ticket === caller.ticket || first.order > mine
      const free = has || (turn && taken + caller.weight <= SIZE)
      const reply = await take(route, ...PLACES, caller.ticket, order)
      if (typeof reply === 'number') {
        expect(free, `${caller.ticket} got permits out of turn`).toBe(true)
        expect(reply).toBeGreaterThan(fence)
        fence = reply
        caller.state = 'holds'
        leases.set(caller.ticket, clock.now + LEASE_MS * 1000)
        seen.granted++
      } else {
        expect(free, `${caller.ticket} was refused in its turn`).toBe(false)
        const [, , place = ''] = /^(\d+) (\d+)$/.exec(reply) ?? []
        if (order === '-') caller.state = 'over'
        else caller.order = place
        if (order === '+') fence = Math.max(fence, Number(place))
        seen.blocked++
      }
    }
    const pick = (at: number, state: Caller['state']): Caller | undefined => {
      const able = callers.filter((caller) => caller.state === state)
      return able[at % Math.max(1, able.length)]
    }

    for (const next of steps) {
      if (next.kind === 'clock') await clock.advance(next.ms * 1000)
      else if (next.kind === 'process') {
        if (living.delete(next.process)) await pubsub.sunsubscribe(CHANNEL + next.process)
        else {
          living.add(next.process)
          await pubsub.ssubscribe(CHANNEL + next.process)
        }
      } else if (next.kind === 'ask') {
        const suffix = next.weight === 1 ? '' : `:${next.weight}`
        const ticket = `${next.process}:${++number}${suffix}`
        const caller: Caller = { ticket, weight: next.weight, order: '+', state: 'waits' }
        callers.push(caller)
        await askFor(caller, next.waits ? '+' : '-')
      } else if (next.kind === 'again') {
        const caller = pick(next.nth, 'waits')
        if (caller) await askFor(caller, caller.order)
      } else if (next.kind === 'leave') {
        const caller = pick(next.nth, 'waits')
        if (caller) {
          await give(route, ...PLACES, caller.ticket, 1)
          caller.state = 'over'
        }
      } else {
        const caller = pick(next.nth, 'holds')
        if (!caller) continue
        const had = inForce(caller.ticket)
        if (next.kind === 'renew') {
          expect(await renew(route, PLACES[0], caller.ticket)).toBe(had ? 1 : 0)
          if (had) leases.set(caller.ticket, clock.now + LEASE_MS * 1000)
          else seen.lost++
        } else {
          expect(await give(route, ...PLACES, caller.ticket, 0)).toBe(had ? 1 : 0)
          leases.delete(caller.ticket)
          caller.state = 'over'
          // What is free is offered to the first of the living, if it is enough.
          const { taken, first } = await look()
          if (first) expect(taken + weightOf(first.ticket)).toBeGreaterThan(SIZE)
        }
      }
      await check()
    }
  })
  await fc.assert(property, cases(65, 4000))
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(1)
}, 300_000)
