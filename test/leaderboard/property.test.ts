import {
  type BoardEvent,
  type BoardUpdate,
  createLeaderboard,
  type Leaderboard,
  type LeaderboardOptions,
  PenknifeError,
  type BoardRow,
} from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases, LONG } from '../support/until.ts'
import { keysNaming } from './names.ts'
import { history, type Read, type Step } from './model/arbitraries.ts'
import { BoardModel, Refused } from './model/board.ts'

useSettableClock()

const bench = useRedis()

/** Minus zero is zero here. */
function plain<T>(value: T): T {
  if (typeof value === 'number') return (value + 0) as T
  if (Array.isArray(value)) return value.map(plain) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)])) as T
}

/** How often each kind of step and event occurred. */
const seen = new Map<string, number>()
function saw(what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1)
}

/** A step on the board, and the expected result from the model. Both as values, also refusals. */
type Done = readonly [got: unknown, wanted: unknown]

function windowOf(model: BoardModel, nth: number): string {
  const names = [...model.windows.keys()]
  return names[nth % names.length] as string
}

async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => {
    if (error instanceof PenknifeError && ['PENKNIFE_REJECTED', 'PENKNIFE_INVALID'].includes(error.code))
      return 'refused'
    throw error
  })
}

function expectedOf(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    if (error instanceof Refused) return 'refused'
    throw error
  }
}

async function makeUpdate(
  board: Leaderboard,
  model: BoardModel,
  step: Step & { kind: 'update' },
): Promise<Done> {
  const change = step.change === undefined ? undefined : windowOf(model, step.change)
  const emitted: object[] = []
  const stopListening = step.listening ? board.on((event) => emitted.push(event)) : () => {}
  const events: object[] = []
  const wanted = expectedOf(() =>
    model.update(step.updates, change).map((each) => {
      if (step.listening)
        events.push(...each.events.map((event) => ({ ...event, space: 'shop', name: board.name })))
      return change === undefined ? each.value : each.change
    }),
  )
  const [got, expected] = await sendUpdate(board, step.updates, change, wanted)
  stopListening()
  for (const event of events) saw(`event ${(event as BoardEvent).kind}`)
  return [
    [got, emitted],
    [expected, events],
  ]
}

async function sendUpdate(
  board: Leaderboard,
  updates: readonly BoardUpdate[],
  change: string | undefined,
  wanted: unknown,
): Promise<Done> {
  const [only] = updates
  if (updates.length > 1 || !only) {
    const call = change === undefined ? board.update(updates) : board.update(updates, { change })
    return [await outcomeOf(call), wanted]
  }
  const first = Array.isArray(wanted) ? (wanted[0] as unknown) : wanted
  const options = change === undefined ? {} : { change }
  if ('increment' in only) {
    const { member, increment, id } = only
    const call = board.increment(member, increment, {
      ...options,
      ...(id === undefined ? {} : { id }),
    } as object)
    return [await outcomeOf(call), first]
  }
  if ('set' in only) return [await outcomeOf(board.set(only.member, only.set, options as object)), first]
  return [await outcomeOf(board.best(only.member, only.best, options as object)), first]
}

async function read(
  board: Leaderboard,
  model: BoardModel,
  options: LeaderboardOptions,
  asked: Read,
): Promise<Done> {
  const window = windowOf(model, asked.window)
  const previous = Math.min(asked.previous, keptOf(options, window))
  const { ranks, data } = asked
  const at = { window, previous }
  const how = { ...at, ranks, data }
  const ranking = model.ranking(window, previous)
  const dressed = <R extends BoardRow | null>(row: R): R =>
    row && data ? { ...row, data: model.dataOf(row.member) } : row
  const all = (rows: readonly BoardRow[]): BoardRow[] => rows.map(dressed)
  switch (asked.ask) {
    case 'top': {
      const { count, from } = asked
      return [await board.top(count, from, how), all(ranking.rows(ranks).slice(from - 1, from - 1 + count))]
    }
    case 'rank':
      return [await board.rank(asked.member, how), dressed(ranking.find(asked.member, ranks))]
    case 'data':
      return [await board.data(asked.member), model.dataOf(asked.member)]
    case 'percentile': {
      const { member, interpolate } = asked
      return [await board.percentile(member, { ...at, interpolate }), ranking.percentile(member, interpolate)]
    }
    case 'around': {
      const { member, each, fill } = asked
      const rows = ranking.around(member, each, ranks, fill)
      return [await board.around(member, each, { ...how, fill }), rows && all(rows)]
    }
    case 'rankFor':
      return [await board.rankFor(asked.score, { ...at, ranks }), ranking.rankFor(asked.score, ranks)]
    case 'sum':
      return [await board.sum(at), model.sum(window, previous)]
    case 'ranks': {
      const rows = asked.members.map((member) => dressed(ranking.find(member, ranks)))
      return [await board.ranks(asked.members, how), rows]
    }
    case 'among':
      return [await board.among(asked.members, how), all(ranking.among(asked.members, ranks))]
    case 'byScore': {
      const { range, from } = asked
      const rows = ranking.within(range, ranks).slice(from - 1, from + 2)
      return [await board.byScore({ ...range, from, count: 3 }, how), all(rows)]
    }
    case 'count':
      return [await board.count(asked.range, at), ranking.within(asked.range).length]
    default: {
      const { percent, interpolate } = asked
      return [await board.scoreAt(percent, { ...at, interpolate }), ranking.scoreAt(percent, interpolate)]
    }
  }
}

/** Every row of every window and period, however it is read. */
async function whole(board: Leaderboard, model: BoardModel, options: LeaderboardOptions): Promise<Done> {
  const got: unknown[] = []
  const wanted: unknown[] = []
  for (const [window, kind] of Object.entries(options.windows ?? {})) {
    const kept = typeof kind === 'object' && 'calendar' in kind ? (kind.previous ?? 1) : 0
    for (let previous = 0; previous <= kept; previous++) {
      const at = { window, previous }
      const rows = model.ranking(window, previous).rows()
      got.push(window, previous, await board.top(100, 1, at), await board.count({}, at))
      wanted.push(window, previous, rows, rows.length)
    }
    const exported = new Map<string, number>()
    for await (const { member, score } of board.export({ window })) {
      expect(exported.has(member), `${member} is exported once`).toBe(false)
      exported.set(member, score)
    }
    got.push(exported.size)
    wanted.push(model.ranking(window).rows().length)
    for (const { member, score } of model.ranking(window).rows()) {
      got.push([member, exported.get(member)])
      wanted.push([member, score])
    }
  }
  for (const id of model.seasons.keys()) {
    got.push(await board.season(id).top(100, 1, { data: true }))
    wanted.push(model.season(id))
  }
  return [got, wanted]
}

/** How many previous periods of a window can be read. */
function keptOf(options: LeaderboardOptions, window: string): number {
  const kind = options.windows?.[window]
  return typeof kind === 'object' && 'calendar' in kind ? (kind.previous ?? 1) : 0
}

/** Keys without a TTL that should have one: all except those of the all-time window and the members' data. */
async function keysForEver(): Promise<string[]> {
  const script = `local found = {}
    for _, key in ipairs(redis.call('KEYS', 'pk1:*')) do
      if redis.call('PTTL', key) == -1 then found[#found + 1] = key end
    end
    return found`
  const keys = (await bench.raw.eval(script, 0)) as string[]
  return keys.filter((key) => /:(window:|ids|idlog)/.test(key))
}

/** Keys that still name a member that was removed; not those of periods that Redis' own clock would have expired, nor final rankings. */
async function namesLeft(member: string): Promise<string[]> {
  const keys = await keysNaming(bench.raw, member)
  return keys.filter((key) => !/:window:\w+:\d+T|:season:/.test(key))
}

test('a board agrees with a plain model, whatever its options and whatever happens to it', async () => {
  const penknife = await openReady(pattern(bench.server.url), { deadline: '10s' })
  const space = penknife.space('shop')
  const clock = createClock(bench.raw)
  let boards = 0

  async function take(
    board: Leaderboard,
    model: BoardModel,
    options: LeaderboardOptions,
    step: Step,
  ): Promise<Done> {
    switch (step.kind) {
      case 'clock':
        model.nowMs += step.ms
        await clock.set(model.nowMs * 1000)
        return [0, 0]
      case 'update':
        return makeUpdate(board, model, step)
      case 'undo':
        return [await outcomeOf(board.undo(step.id)), expectedOf(() => model.undo(step.id))]
      case 'remove':
        return [await board.remove(step.member), model.remove(step.member)]
      case 'endSeason': {
        const window = windowOf(model, step.window)
        const previous = Math.min(step.previous, keptOf(options, window))
        const ended = board
          .endSeason(step.id, { window, previous })
          .then((end) => ({ id: end.id, window: end.window, members: end.members, repeated: end.repeated }))
        return [await outcomeOf(ended), expectedOf(() => model.endSeason(step.id, window, previous))]
      }
      case 'removeRange': {
        const window = windowOf(model, step.window)
        const { from, count } = step
        const members = model
          .ranking(window)
          .rows()
          .slice(from - 1, from - 1 + count)
        for (const { member } of members) model.remove(member)
        const removed = await board.removeRange({ from, to: from + count - 1 }, { window })
        for (const { member } of members) expect(await namesLeft(member)).toEqual([])
        return [removed, members.length]
      }
      case 'season':
        return [await board.season(step.id).top(100, 1, { data: true }), model.season(step.id)]
      case 'clear': {
        const window = step.window === undefined ? undefined : windowOf(model, step.window)
        return [await board.clear(window === undefined ? {} : { window }), model.clear(window)]
      }
      case 'describe':
        model.describe(step.member, step.data)
        return [await board.describe(step.member, step.data), undefined]
      default:
        return read(board, model, options, step.read)
    }
  }

  await fc.assert(
    fc.asyncProperty(history, async ([{ options, startMs }, steps]) => {
      const board = createLeaderboard(space, `board-${boards++}`, options)
      const model = new BoardModel(options)
      model.nowMs = startMs
      await bench.raw.flushall()
      await clock.set(startMs * 1000)
      for (const [at, step] of steps.entries()) {
        const [got, wanted] = await take(board, model, options, step)
        expect(plain(got), `step ${at}: ${JSON.stringify(step)}`).toEqual(plain(wanted))
        if (step.kind === 'remove') expect(await namesLeft(step.member), `step ${at}`).toEqual([])
        expect(await keysForEver(), `step ${at}: ${JSON.stringify(step)}`).toEqual([])
        const kind = step.kind === 'read' ? step.read.ask : step.kind
        saw(JSON.stringify(wanted)?.includes('refused') ? 'refused' : kind)
      }
      const [got, wanted] = await whole(board, model, options)
      expect(plain(got)).toEqual(plain(wanted))
    }),
    cases(60, 2000),
  )
  // Each occurred often enough for a meaningful comparison.
  for (const kind of [
    'update',
    'refused',
    'undo',
    'remove',
    'endSeason',
    'removeRange',
    'season',
    'clear',
    'top',
    'among',
    'byScore',
    'scoreAt',
    'rankFor',
    'sum',
    'around',
    'event rank',
    'event overtaken',
    'event entered',
    'event left',
  ]) {
    expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(LONG ? 200 : 10)
  }
}, 1_800_000)

test('increments of many processes at once add up', async () => {
  const penknives = await Promise.all([1, 2, 3].map(() => openReady(pattern(bench.server.url))))
  await createClock(bench.raw).set(1_960_000_000_000_000)
  const windows = { all: 'all-time', day: { calendar: 'day' }, hour: { last: '1h' } } as const
  const sums = new Map<string, number>()
  const boards = penknives.map((penknife) => createLeaderboard(penknife.space('shop'), 'points', { windows }))
  await Promise.all(
    boards.flatMap((board, process) =>
      Array.from({ length: 1000 }, (_, at) => {
        const member = `m${(at * 7 + process) % 53}`
        sums.set(member, (sums.get(member) ?? 0) + (at % 11))
        return board.increment(member, at % 11)
      }),
    ),
  )
  const [board] = boards as [Leaderboard]
  for (const window of Object.keys(windows)) {
    const rows = await board.top(100, 1, { window })
    expect(new Map(rows.map(({ member, score }) => [member, score]))).toEqual(sums)
  }
}, 60_000)
