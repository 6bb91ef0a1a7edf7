import { createNotifier } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { runtimeOf } from '../../packages/core/src/redis/penknife.ts'
import {
  notifierDue,
  notifierJoin,
  notifierLeave,
  notifierPresent,
  notifierRenew,
} from '../../packages/core/src/redis/scripts.gen.ts'
import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases, LONG } from '../support/until.ts'

useSettableClock()

const bench = useRedis()
const START_MS = 1_764_000_000_000
const LEASE_MS = 30_000

const process = fc.constantFrom('p', 'pp', 'q')
const member = fc.constantFrom('ann', 'ben', 'üñ "/')
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('join' as const), process, member }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('leave' as const), process, member }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('renew' as const),
      process,
      ms: fc.constantFrom(0, 5000, LEASE_MS),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('clock' as const), ms: fc.constantFrom(4000, 10_000, 31_000) }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'list' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'collect' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('many' as const), process }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('lose' as const),
      part: fc.constantFrom('counts', 'entries', 'leases'),
    }),
  },
)

test(
  'whatever processes do and whenever they die, the list is that of living ones, and its events add up to it',
  async () => {
    const space = (await openReady(pattern(bench.server.url))).space('shop')
    const { keys, bind } = runtimeOf(space)
    const notifier = createNotifier(space, 'main')
    const clock = createClock(bench.raw)
    const shared: [string[], number, number, number, number] = [
      [keys.beginnings('main'), keys.presenceDue('main')],
      10_000,
      86_400_000,
      0,
      LEASE_MS,
    ]
    const [join, leave, renew, present] = [
      bind(notifierJoin, shared),
      bind(notifierLeave, shared),
      bind(notifierRenew, shared),
      bind(notifierPresent, shared),
    ]
    const find = bind(notifierDue, [])
    const due = keys.presenceDue('main')
    let runs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }), async (steps) => {
        const channel = `room ${runs++}`
        await clock.set(START_MS * 1000)
        const parts = ['counts', 'entries', 'leases'] as const
        const [counts, entries, leases] = parts.map((part) => keys.presence(part, 'main', channel)) as [
          string,
          string,
          string,
        ]
        const target = [
          counts,
          entries,
          leases,
          keys.history('main', channel),
          keys.live('main', channel),
        ] as const
        /** The members of each process, and when its lease ends. */
        const model = new Map<string, { readonly members: Set<string>; ends: number }>()
        let now = START_MS
        let lost = false
        const alive = (name: string): boolean => (model.get(name)?.ends ?? 0) > now
        const extend = (name: string, ms: number): void => {
          const found = model.get(name) ?? { members: new Set<string>(), ends: 0 }
          model.set(name, found)
          found.ends = now + ms
        }
        /** A call removed the members of processes whose lease ended. */
        const expire = (): void => {
          for (const [name, { ends }] of model) if (ends <= now) model.delete(name)
        }
        for (const each of [...steps, { do: 'collect' as const }, { do: 'list' as const }]) {
          if (each.do === 'clock') await clock.set((now += each.ms) * 1000)
          else if (each.do === 'list') await list()
          else if (each.do === 'collect') await collect()
          else if (each.do === 'lose') {
            // The next call finds that a part is gone, and removes the rest.
            if ((await bench.raw.del(keys.presence(each.part, 'main', channel))) === 0) continue
            model.clear()
            lost = true
          } else if (each.do === 'leave') {
            await leave(keys.route, ...target, each.process, each.member)
            model.get(each.process)?.members.delete(each.member)
          } else {
            const lived = alive(each.process)
            // Without members its lease may be forgotten.
            const known = lived && (model.get(each.process)?.members.size ?? 0) > 0
            const check = (replied: boolean): void => {
              if (known || !lived) expect(replied).toBe(known)
            }
            if (each.do === 'renew') {
              const reply = await renew(keys.route, ...target, each.process, each.ms, '')
              check(reply.startsWith('1'))
              extend(each.process, each.ms)
              if (reply.endsWith('+')) await presentAll()
              expire()
            } else {
              const names =
                each.do === 'many' ? Array.from({ length: 50 }, (_, nth) => `m${nth}`) : [each.member]
              extend(each.process, LEASE_MS)
              for (const name of names) model.get(each.process)?.members.add(name)
              const replies = await Promise.all(
                names.map((name) => join(keys.route, ...target, each.process, name)),
              )
              check(replies[0] === 1)
            }
          }
        }

        /** A process without members removes those whose lease ended, and the events say so, although nobody reads the list. */
        async function collect(): Promise<void> {
          const found = (await find(keys.route, due, 10_000)) as string[]
          if (found.includes(entries)) await presentAll()
          const ended = [...model.values()].some(({ ends }) => ends <= now)
          if (ended && !lost) await addUp()
          expire()
        }

        /** The list is that of the model, and the events add up to it. */
        async function list(): Promise<void> {
          expire()
          const listed = await presentAll()
          const members = [...model.values()].flatMap((of) => [...of.members])
          expect(listed).toEqual([...new Set(members)].toSorted())
          await addUp()
        }

        /** What those see who follow the events: the members of living processes. */
        async function addUp(): Promise<void> {
          const living = [...model].filter(([name]) => alive(name)).flatMap(([, of]) => [...of.members])
          // After somebody else emptied the list, the events lack the leaves.
          if (lost) return
          for (const key of [counts, entries, leases])
            expect([-2, 86_400].includes(await ttlOf(key))).toBe(true)
          const told = new Set<string>()
          const { items } = await notifier.history(channel, { limit: 200 })
          if (items.length === 200) return
          for (const { type, data } of items) {
            const { member: name } = data as { member: string }
            expect(told.has(name)).toBe(type === 'left')
            told[type === 'joined' ? 'add' : 'delete'](name)
          }
          expect([...told].toSorted()).toEqual([...new Set(living)].toSorted())
        }

        /** Its keys outlive its leases by far: else members would go without an event. */
        async function ttlOf(key: string): Promise<number> {
          const left = await bench.raw.pttl(key)
          return left < 0 ? left : Math.ceil(left / 3_600_000) * 3600
        }

        async function presentAll(): Promise<string[]> {
          for (;;) {
            const [more, count, ...members] = await present(keys.route, ...target, 1000)
            if (more === '+') continue
            expect(count).toBe(members.length)
            return (members as string[]).toSorted()
          }
        }
      }),
      cases(35, 2000),
    )
  },
  LONG ? 1_200_000 : 120_000,
)

test("after Redis' clock was set back, members of a dead process leave one lease later, and those of living ones stay", async () => {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const { keys, bind } = runtimeOf(space)
  const clock = createClock(bench.raw)
  const due = keys.presenceDue('main')
  const shared: [string[], number, number, number, number] = [
    [keys.beginnings('main'), due],
    10_000,
    86_400_000,
    0,
    LEASE_MS,
  ]
  const [join, renew, present] = [
    bind(notifierJoin, shared),
    bind(notifierRenew, shared),
    bind(notifierPresent, shared),
  ]
  const entries = keys.presence('entries', 'main', 'room')
  const target = [
    keys.presence('counts', 'main', 'room'),
    entries,
    keys.presence('leases', 'main', 'room'),
    keys.history('main', 'room'),
    keys.live('main', 'room'),
  ] as const
  const members = async (): Promise<unknown> =>
    ((await present(keys.route, ...target, 10)) as string[]).slice(2).toSorted((a, b) => (a < b ? -1 : 1))
  const found = (): Promise<unknown> => bind(notifierDue, [])(keys.route, due, 1000)
  await clock.set(START_MS * 1000)
  await join(keys.route, ...target, 'dead', 'ann')
  await join(keys.route, ...target, 'living', 'ben')
  expect(await found()).toEqual([])
  await clock.advance(-3_600_000_000)
  // Nobody may look at the channel: the search for dead processes finds it.
  expect(await found()).toEqual([entries])
  expect(await members()).toEqual(['ann', 'ben'])
  await clock.advance((LEASE_MS - 1000) * 1000)
  expect(await renew(keys.route, ...target, 'living', LEASE_MS, '')).toBe('1')
  await clock.advance(2_000_000)
  expect(await found()).toEqual([entries])
  expect(await members()).toEqual(['ben'])
})
