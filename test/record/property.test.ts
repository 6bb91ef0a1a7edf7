import {
  type Counters,
  createCounters,
  createDeduper,
  createLeaderboard,
  createNotifier,
  createObjects,
  createRateLimiter,
  createStream,
  PenknifeError,
  record,
  type Space,
  type Effect,
} from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases, LONG } from '../support/until.ts'
import {
  BOARDS,
  costOf,
  type Kind,
  KINDS,
  LIMIT,
  memberOf,
  MINUTE,
  MOST_ORDERS,
  QUOTA,
  RecordModel,
  SEEN_MS,
  type Spec,
  START_MS,
  STOCK,
  TARGET,
  type Wanted,
  tokenOf,
  deletes,
} from './model.ts'

useSettableClock()

const bench = useRedis()

function createObjectsOf(space: Space) {
  return {
    orders: createStream<string>(space, 'orders', { groups: ['billing'], maxBacklog: MOST_ORDERS }),
    log: createStream<string>(space, 'log'),
    joined: createStream<string>(space, 'joined'),
    mixed: createLeaderboard(space, 'mixed', BOARDS.mixed),
    best: createLeaderboard(space, 'best', BOARDS.best),
    tie: createLeaderboard(space, 'tie', BOARDS.tie),
    plain: createLeaderboard(space, 'plain', BOARDS.plain),
    limiter: createRateLimiter(space, 'limiter', {
      rules: [{ name: 'r', algorithm: 'fixed-window', limit: LIMIT.limit, window: LIMIT.windowMs }],
      place: 'space',
    }),
    stock: createCounters(space, 'stock', STOCK),
    quota: createCounters(space, 'quota', { ...QUOTA, calendar: 'hour' }),
    steps: createCounters(space, 'steps', { ceiling: 1000 }),
    seen: createDeduper(space, 'seen', { window: SEEN_MS, place: 'space' }),
    news: createNotifier(space, 'news'),
    objects: createObjects<{ n: number }>(space, 'objects'),
  }
}
type Objects = ReturnType<typeof createObjectsOf>

function effectOf(on: Objects, spec: Spec): Effect {
  const { kind, by } = spec
  const member = memberOf(spec)
  switch (kind) {
    case 'order':
      return on.orders.adding(member)
    case 'log':
      return on.log.adding(member, { traceparent: `00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-01` })
    case 'mixed':
      return on.mixed.incrementing(member, by)
    case 'plain':
      return on.plain.incrementing(member, by)
    case 'limit':
      return on.limiter.taking(member, costOf(spec))
    case 'tie':
      return on.tie.incrementing(member, by)
    case 'best':
      return on.best.improving(member, by)
    case 'set':
      return on.best.setting(member, by)
    case 'take':
      return change(on.stock, member, by)
    case 'quota':
      return change(on.quota, member, by)
    case 'claim':
      return on.seen.claiming(member)
    case 'event':
      return on.news.publishing(member, by)
    case 'object':
      return changeObject(on, spec)
    default:
      return on.steps.incrementing(member, 1, {
        reaching: { value: TARGET, effects: [on.joined.adding(member)] },
      })
  }
}

function changeObject({ objects }: Objects, spec: Spec): Effect {
  const token = tokenOf(spec)
  const fence = token === undefined ? {} : { fence: { key: memberOf(spec), token } }
  if (deletes(spec)) return objects.deleting(memberOf(spec), fence)
  return objects.incrementing(memberOf(spec), 'n', spec.by, { floor: 0, ...fence })
}

function change(counters: Counters, member: string, by: number): Effect {
  return by < 0 ? counters.decrementing(member, -by) : counters.incrementing(member, by)
}

/** A result in the form of the model. */
function plainResult(spec: Spec, result: unknown): unknown {
  const { kind } = spec
  if (deletes(spec)) return undefined
  if (kind === 'take' || kind === 'quota') return (result as { value: number }).value
  if (kind === 'step') return (result as { reached: boolean }).reached
  return ['mixed', 'best', 'set', 'tie', 'plain', 'object'].includes(kind)
    ? (result as number) + 0
    : undefined
}

async function outcomeOf(
  space: Space,
  on: Objects,
  specs: readonly Spec[],
  id: string | undefined,
): Promise<Wanted> {
  const effects = specs.map((spec) => effectOf(on, spec))
  try {
    const answer = await (id === undefined ? record(space, ...effects) : record(space, { id }, ...effects))
    if (!answer.ok)
      return { refused: answer.refused.map(({ effect, reason }) => `${effect} ${reason}`).toSorted() }
    const results = answer.results.map((result, at) => plainResult(specs[at] as Spec, result))
    return { repeated: answer.repeated, results }
  } catch (error) {
    if (error instanceof PenknifeError && error.code === 'PENKNIFE_INVALID') return { invalid: true }
    throw error
  }
}

const amount = fc.integer({ min: -4, max: 6 })
const spec = (kind: Kind): fc.Arbitrary<Spec> =>
  fc.record({ kind: fc.constant(kind), who: fc.integer({ min: 0, max: 3 }), by: amount })

/** Calls of one tick, which share a script call: each with its own members and amounts, and all with ids or none. */
const calls = fc
  .tuple(fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 7 }), fc.boolean())
  // Of one object a call may have one effect.
  .map(([kinds, ids]) => ({
    kinds: kinds.filter((kind, at) => kind !== 'object' || kinds.indexOf('object') === at),
    ids,
  }))
  .chain(({ kinds, ids }) =>
    fc.array(
      fc.record({
        specs: fc.tuple(...kinds.map(spec)),
        id: ids ? fc.integer({ min: 0, max: 9 }).map(String) : fc.constant(undefined),
      }),
      { minLength: 1, maxLength: 12 },
    ),
  )
/** Many increments of the rolling window at once, so that much is due together. */
const burst = fc.tuple(fc.integer({ min: 35, max: 90 }), fc.integer({ min: 0, max: 3 })).map(([count, who]) =>
  Array.from({ length: count }, (_, at) => ({
    specs: [{ kind: 'mixed' as const, who: (who + at) % 4, by: 1 }],
    id: undefined,
  })),
)
const step = fc.oneof(
  { weight: 8, arbitrary: calls.map((all) => ({ kind: 'calls' as const, all })) },
  { weight: 1, arbitrary: burst.map((all) => ({ kind: 'calls' as const, all })) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(1, 1000, MINUTE, 4 * MINUTE, 9 * MINUTE, 10 * MINUTE, 61 * MINUTE)
      .map((ms) => ({ kind: 'clock' as const, ms })),
  },
)

async function compareAll(on: Objects, model: RecordModel): Promise<void> {
  for (const name of ['mixed', 'best', 'tie', 'plain'] as const) {
    model.boards[name].nowMs = model.nowMs
    for (const window of on[name].windows) {
      const rows = model.boards[name].ranking(window).rows()
      expect(await on[name].top(100, 1, { window }), `${name} ${window}`).toEqual(rows)
    }
  }
  const members = [0, 1, 2, 3].map((who) => memberOf({ kind: 'take', who, by: 0 }))
  for (const name of ['stock', 'quota', 'steps'] as const) {
    const values = (await on[name].read(members)).map(({ value }) => value)
    expect(values, name).toEqual(members.map((member) => model[name].state(member).value))
  }
  for (const name of ['orders', 'log', 'joined'] as const) {
    const { items } = await on[name].read({ limit: 1000 })
    expect(
      items.map(({ payload }) => payload),
      name,
    ).toEqual(model[name])
  }
  for (const member of members) {
    const { items } = await on.news.history(member, { limit: 200 })
    expect(items.map(({ data }) => data)).toEqual(model.events.get(member) ?? [])
    expect((await on.objects.get(member))?.value.n).toBe(model.objects.get(member))
  }
}

const seen = new Map<string, number>()
function saw(what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1)
}

test('record agrees with a plain model, whatever is combined', async () => {
  const penknife = await openReady(pattern(bench.server.url), { deadline: '10s' })
  const clock = createClock(bench.raw)
  let spaces = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      const space = penknife.space(`shop${spaces++}`)
      const on = createObjectsOf(space)
      const model = new RecordModel()
      await bench.raw.flushall()
      await clock.set(START_MS * 1000)
      for (const [at, each] of steps.entries()) {
        if (each.kind === 'clock') {
          model.advance(each.ms)
          await clock.set(model.nowMs * 1000)
          continue
        }
        const wanted = each.all.map(({ specs, id }) => model.record(specs, id))
        const send = ({ specs, id }: (typeof each.all)[number]) => outcomeOf(space, on, specs, id)
        // Two events may be in one channel or in two, and so may limits: such calls do not share a script call, and may overtake others.
        const several = (specs: readonly Spec[], own: Kind) =>
          specs.filter(({ kind }) => kind === own).length > 1
        const apart = each.all.some(({ specs }) => several(specs, 'event') || several(specs, 'limit'))
        // The first call removes what is due, in several script calls, during which others would overtake it.
        const [first, ...others] = each.all
        const got: Wanted[] = first ? [await send(first)] : []
        if (apart) for (const one of others) got.push(await send(one))
        else got.push(...(await Promise.all(others.map(send))))
        expect(got, `step ${at}: ${JSON.stringify(each)}`).toEqual(wanted)
        for (const [nth, { specs }] of each.all.entries()) {
          const [outcome] = Object.keys(wanted[nth] as object)
          saw((wanted[nth] as { repeated?: boolean }).repeated ? 'repeated' : (outcome as string))
          for (const { kind } of specs) saw(kind)
        }
      }
      await compareAll(on, model)
    }),
    cases(30, 1500),
  )
  for (const kind of [...KINDS, 'refused', 'repeated', 'invalid']) {
    expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(LONG ? 200 : 10)
  }
}, 1_800_000)
