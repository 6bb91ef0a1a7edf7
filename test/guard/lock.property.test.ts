import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import {
  guardLockAll,
  guardRelock,
  guardUnlock,
  guardUnqueue,
} from '../../packages/core/src/redis/scripts.gen.ts'
import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const LEASE_MS = 1000
const CLAIM_MS = 100
const CHANNEL = 'pk1:{shop}:lock-process:live'
const PROCESSES = ['p0', 'p1', 'p2']
const LOCKS = ['a', 'b']

const lockKey = (name: string): string => `pk1:{shop}:lock:${name}`
const queueKey = (name: string): string => `pk1:{shop}:lock-queue:${name}`

/** A caller as its process knows it. */
interface Caller {
  readonly owner: string
  readonly locks: readonly string[]
  order: string
  state: 'waits' | 'holds' | 'over'
}

const some = fc.constantFrom(['a'], ['b'], ['a', 'b'])
const nth = fc.nat({ max: 30 })
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      process: fc.constantFrom(...PROCESSES),
      locks: some,
      waits: fc.boolean(),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('again' as const), nth }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('release' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('renew' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), nth }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('process' as const), process: fc.constantFrom(...PROCESSES) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 150 }), fc.integer({ min: 0, max: 1500 })),
    }),
  },
)

const seen = { granted: 0, blocked: 0, stolen: 0, skipped: 0, lost: 0 }

test('a lock has one holder at a time, first come, first served among living processes, with fences that rise', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const { bind, keys } = penknife.space('shop').runtime
  const { route } = keys
  const fenceKey = 'pk1:{shop}:fence:last'
  const ask = bind(guardLockAll, [CHANNEL, LEASE_MS, 'me', CLAIM_MS])
  const askBoth = bind(guardLockAll, [CHANNEL, LEASE_MS, 'me', CLAIM_MS])
  const unlock = bind(guardUnlock, [CHANNEL, CLAIM_MS])
  const unqueue = bind(guardUnqueue, [CHANNEL, CLAIM_MS])
  const relock = bind(guardRelock, [LEASE_MS])
  const clock = createClock(bench.raw)
  const pubsub = new Redis(bench.server.socket)
  onTestFinished(() => pubsub.disconnect())

  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
    await bench.raw.flushall()
    await clock.set(START_US)
    const living = new Set(PROCESSES)
    await pubsub.ssubscribe(...PROCESSES.map((process) => CHANNEL + process))
    const callers: Caller[] = []
    /** Leases in force, by lock. */
    const leases = new Map<string, { readonly owner: string; untilUs: number }>()
    let fence = 0
    let number = 0

    const inForce = (lock: string): string | undefined => {
      const lease = leases.get(lock)
      return lease && lease.untilUs > clock.now ? lease.owner : undefined
    }
    /** What Redis has of a lock: to whom it is offered, and the living that wait. */
    const lookAt = async (lock: string) => {
      const [until = '0', of = '0', owner = '', order = '0'] = (
        (await bench.raw.get(lockKey(lock))) ?? ''
      ).split(' ')
      const queue = await bench.raw.zrange(queueKey(lock), '0', '-1', 'WITHSCORES')
      const tickets = Array.from({ length: queue.length / 2 }, (_, at) => ({
        owner: queue[2 * at] as string,
        order: Number(queue[2 * at + 1]),
      }))
      const offered = of === '0' && Number(until) > clock.now ? { owner, order: Number(order) } : undefined
      const first = tickets.find((ticket) => living.has(ticket.owner.split(':')[0] as string))
      return { offered, first, dead: tickets.length > 0 && tickets[0] !== first }
    }
    const askFor = async (caller: Caller, order: string): Promise<void> => {
      const mine = order === '+' || order === '-' ? Infinity : Number(order)
      const looks = await Promise.all(caller.locks.map(lookAt))
      // Whether nothing and nobody is before it, by what is promised.
      const free = caller.locks.every((lock, at) => {
        const { offered, first } = looks[at] as Awaited<ReturnType<typeof lookAt>>
        const holder = inForce(lock)
        if (holder !== undefined) return holder === caller.owner
        if (offered?.owner === caller.owner) return true
        if (offered && offered.order < mine) return false
        if (offered) seen.stolen++
        return !first || first.owner === caller.owner || first.order > mine
      })
      seen.skipped += looks.filter(({ dead }) => dead).length
      const all = [fenceKey, ...caller.locks.flatMap((lock) => [lockKey(lock), queueKey(lock)])]
      const port = caller.locks.length === 1 ? ask : askBoth
      const reply = await port(route, ...([...all, `${caller.owner} ${order}`] as [...string[], string]))
      if (typeof reply === 'number') {
        expect(free, `${caller.owner} was given ${caller.locks.join()} out of turn`).toBe(true)
        expect(reply).toBeGreaterThan(fence)
        expect(reply).toBeGreaterThanOrEqual(clock.now)
        fence = reply
        caller.state = 'holds'
        for (const lock of caller.locks)
          leases.set(lock, { owner: caller.owner, untilUs: clock.now + LEASE_MS * 1000 })
        seen.granted++
      } else {
        expect(free, `${caller.owner} was refused ${caller.locks.join()} in its turn`).toBe(false)
        const [, , place = ''] = /^(\d+) (\d+)$/.exec(reply) ?? []
        if (order === '-') caller.state = 'over'
        else caller.order = place
        // A new ticket is behind all others, also in the sequence of fences.
        if (order === '+') fence = Math.max(fence, Number(place))
        seen.blocked++
      }
    }
    const pick = (at: number, ...states: Caller['state'][]): Caller | undefined => {
      const able = callers.filter(({ state }) => states.includes(state))
      return able[at % Math.max(1, able.length)]
    }

    for (const next of steps) {
      if (next.kind === 'clock') await clock.advance(next.ms * 1000)
      else if (next.kind === 'process') {
        const channel = CHANNEL + next.process
        if (living.delete(next.process)) await pubsub.sunsubscribe(channel)
        else {
          living.add(next.process)
          await pubsub.ssubscribe(channel)
        }
      } else if (next.kind === 'ask') {
        const caller: Caller = {
          owner: `${next.process}:${++number}`,
          locks: next.locks,
          order: '+',
          state: 'waits',
        }
        callers.push(caller)
        await askFor(caller, next.waits ? '+' : '-')
      } else if (next.kind === 'again') {
        const caller = pick(next.nth, 'waits')
        if (caller) await askFor(caller, caller.order)
      } else if (next.kind === 'leave') {
        const caller = pick(next.nth, 'waits')
        if (!caller) continue
        for (const lock of caller.locks) await unqueue(route, lockKey(lock), queueKey(lock), caller.owner)
        caller.state = 'over'
      } else {
        const caller = pick(next.nth, 'holds')
        if (!caller) continue
        for (const lock of caller.locks) {
          const had = inForce(lock) === caller.owner
          if (next.kind === 'renew') {
            const kept = (await relock(route, lockKey(lock), caller.owner)) === 1
            expect(kept).toBe(had)
            if (kept) leases.set(lock, { owner: caller.owner, untilUs: clock.now + LEASE_MS * 1000 })
            else seen.lost++
            continue
          }
          expect(await unlock(route, lockKey(lock), queueKey(lock), caller.owner)).toBe(had ? 1 : 0)
          if (!had) continue
          leases.delete(lock)
          const { offered } = await lookAt(lock)
          const { first } = await lookAt(lock)
          // It is offered to the first of the living; whoever is left came later.
          if (offered && first) expect(offered.order).toBeLessThan(first.order)
          if (first) expect(offered).toBeDefined()
        }
        if (next.kind === 'release') caller.state = 'over'
      }
    }
    for (const lock of LOCKS) {
      const ttl = await bench.raw.pttl(lockKey(lock))
      expect(ttl === -2 || ttl > 0).toBe(true)
    }
  })
  await fc.assert(property, cases(120, 5000))
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(1)
}, 300_000)
