import { invalid } from '../errors.ts'
import type { Topic } from '../events.ts'
import { checkOptions } from '../options.ts'
import { Effect, type EffectTarget, textsOf } from '../record/effect.ts'
import type { Gate } from '../redis/batch.ts'
import { readReply } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Arg, Reply } from '../redis/script.ts'
import { leaderboardIncrement, leaderboardUpdate } from '../redis/scripts.gen.ts'
import { emitRankEvents } from './rank-events.ts'
import { checkIncrementId } from './increment-id.ts'
import { checkMember } from './members.ts'
import type { Settings } from './options.ts'
import type { Scores } from './scores.ts'
import type { BoardEvent } from './event-types.ts'
import type { Leaderboard } from './types.ts'
import type {
  BoardUpdate,
  BoardUpdateOptions,
  BoardIncrementOptions,
  BoardScoreChange,
} from './update-types.ts'
import { type BoardClock, createCall } from './board-call.ts'
import type { Layouts } from './windows.ts'

/** An update as an argument of the script. */
type Packed = readonly [kind: 'i' | 's' | 'b', member: string, amount: number, id?: string]

export type Updates = Pick<
  Leaderboard,
  'increment' | 'set' | 'best' | 'update' | 'incrementing' | 'setting' | 'improving'
>

/** The most updates times windows of one script call. */
const MOST_WRITES = 100

export interface UpdateParts {
  readonly space: string
  readonly name: string
  readonly runtime: Runtime
  readonly settings: Settings
  readonly scores: Scores
  readonly layouts: Layouts
  readonly clock: BoardClock
  readonly topic: Topic<BoardEvent>
  /** The key of the all-time window. */
  readonly key: string
  /** Opens when the board is declared. */
  readonly gate: Gate
}

export function createUpdates(parts: UpdateParts): Updates {
  const { space, name, runtime, settings, scores, layouts, clock, topic, key, gate } = parts
  const { route } = runtime.keys
  const { windows, dedupWindow } = settings
  const about = { space, name }
  const names = windows.map((window) => window.name)
  const rolling = windows.find(({ kind }) => kind === 'rolling')
  const call = createCall<[changes: Arg, watch: Arg, events: Arg]>(
    runtime,
    leaderboardUpdate,
    clock,
    (nowMs) => layouts.update({ nowMs }),
  )
  const plain = runtime.bind(leaderboardIncrement, [[key]])
  /** Whether the board is a single sorted set. */
  const isPlain =
    windows.length === 1 &&
    windows[0].kind === 'all-time' &&
    !settings.dense &&
    settings.limit === undefined &&
    !settings.keep &&
    !settings.live
  /** Whether an increment is a ZINCRBY for each window, and nothing has to be read for it. */
  const isRaisable =
    !settings.dense && settings.limit === undefined && !settings.keep && !settings.ties && !settings.live
  /** How many single updates may share a call. */
  const items = Math.max(3, Math.floor(32 / windows.length))

  const hasListeners = (): boolean => settings.events !== undefined && topic.hasListeners

  const target: EffectTarget = {
    kind: 'score',
    title: `leaderboard '${name}'`,
    space,
    runtime,
    layout(nowMs) {
      const { keys, plan, period } = layouts.update({ nowMs })
      return {
        keys,
        plan: [plan],
        lean: isRaisable ? { kind: 'raise', plan: [windowsText(plan)] } : undefined,
        period,
      }
    },
    cost: costOf(settings, LARGE_COSTS),
    smallCost: costOf(settings, SMALL_COSTS),
    gate,
    shapes: new WeakMap(),
  }

  function effect([kind, member, amount, id]: Packed, announce?: Effect): Effect<number> {
    if (announce !== undefined) {
      const texts = textsOf(kind, member, amount, id ?? '')
      return new Effect({ target, texts, read: scoreOf, announce: checkAnnounce(announce) })
    }
    if (kind !== 'i' || id !== undefined || Math.abs(amount) >= HARMLESS)
      return new Effect({ target, texts: textsOf(kind, member, amount, id ?? ''), read: scoreOf })
    return new Effect({ target, texts: textsOf(member, amount), full: asIncrement, read: scoreOf })
  }

  function checkAnnounce(announce: Effect): Effect {
    if (!settings.events)
      throw invalid('announce', announce, `give createLeaderboard 'events', which say what a change is`)
    const { target: to, texts } = announce instanceof Effect ? announce.parts : {}
    if (to?.kind !== 'publish' || typeof texts !== 'string' || !/\0\{[^\0]*\}\0/.test(texts))
      throw invalid(
        'announce',
        announce,
        'give an effect of a notifier whose data are an object, with no schema that is async',
      )
    return announce
  }

  function pack(update: BoardUpdate): Packed {
    if (typeof update !== 'object' || update === null)
      throw invalid('update', update, 'give an object with a member')
    checkMember(update.member)
    if ('increment' in update) {
      checkOptions('update', update, ['member', 'increment', 'id'])
      if (settings.keep)
        throw invalid('increment', update.increment, 'a board with keep allows set and best only')
      const amount = scores.amount('increment', update.increment)
      return update.id === undefined
        ? ['i', update.member, amount]
        : ['i', update.member, amount, checkIncrementId(dedupWindow, update.id)]
    }
    const kind = 'set' in update ? 'set' : 'best'
    if (!(kind in update)) throw invalid('update', update, 'give it one of increment, set and best')
    checkOptions('update', update, ['member', kind])
    const score = (update as Readonly<Record<string, unknown>>)[kind] as number
    if (rolling) throw invalid(kind, score, `window ${rolling.name} is rolling and allows increments only`)
    return [kind === 'set' ? 's' : 'b', update.member, scores.amount(kind, score)]
  }

  /** The number of the window whose change to return, from 1; 0 for none. */
  function watchOf({ change = false }: BoardUpdateOptions): number {
    if (change === false) return 0
    const at = change === true ? 0 : names.indexOf(change)
    if (at < 0) throw invalid('change', change, `give true, or one of ${names.join(', ')}`)
    return at + 1
  }

  async function make(
    changes: readonly Packed[],
    watch: number,
  ): Promise<readonly (number | BoardScoreChange)[]> {
    const wantsEvents = hasListeners()
    const share = changes.length === 1 ? (watch || wantsEvents ? Math.ceil(items / 4) : items) : 1
    const reply = await call(share, JSON.stringify(changes), watch, wantsEvents ? 1 : 0)
    return readReply(`leaderboard '${name}'`, () => {
      if (typeof reply === 'string') return reply.split('\n').map(scoreOf)
      return (reply as readonly (readonly Reply[])[]).map(([value, change, events], at) => {
        const [, member] = changes[at] as Packed
        if (events && settings.events)
          emitRankEvents(topic, about, settings.events, member, events as readonly Reply[])
        return watch
          ? toChange(member, names[watch - 1] as string, change as readonly Reply[])
          : scoreOf(value as string)
      })
    })
  }

  const scoreOf = (value: string): number => (value === '' ? 0 : scores.score(value))

  function toChange(member: string, window: string, reply: readonly Reply[]): BoardScoreChange {
    const [applied, before, after, from, to] = reply
    const score = (value: Reply | undefined): number | null =>
      value == null ? null : scores.score(value as string)
    const rank = (position: Reply | undefined): number | null =>
      position == null ? null : Number(position) + 1
    return {
      member,
      window,
      previousScore: score(before),
      score: score(after),
      previousRank: rank(from),
      rank: rank(to),
      applied: applied === 1,
    }
  }

  async function one(update: BoardUpdate, options: BoardUpdateOptions): Promise<never> {
    const [made] = await make([pack(update)], watchOf(options))
    // A number or a change, according to `options`.
    return made as never
  }

  return {
    async increment(member: string, by: number = 1, options: BoardIncrementOptions = NONE) {
      if (options === NONE && isPlain && !hasListeners()) {
        checkMember(member)
        return scores.score(await plain(route, member, scores.amount('by', by))) as never
      }
      checkOptions('increment', options, ['change', 'id'])
      const { id, ...rest } = options
      scores.amount('by', by)
      return one(id === undefined ? { member, increment: by } : { member, increment: by, id }, rest)
    },
    async set(member: string, score: number, options: BoardUpdateOptions = NONE) {
      checkOptions('set', options, ['change'])
      scores.amount('score', score)
      return one({ member, set: score }, options)
    },
    async best(member: string, score: number, options: BoardUpdateOptions = NONE) {
      checkOptions('best', options, ['change'])
      scores.amount('score', score)
      return one({ member, best: score }, options)
    },
    async update(updates: readonly BoardUpdate[], options: BoardUpdateOptions = NONE) {
      checkOptions('update', options, ['change'])
      const most = Math.floor(MOST_WRITES / windows.length)
      if (!Array.isArray(updates) || updates.length < 1 || updates.length > most) {
        throw invalid('updates', updates, `give a list of 1 to ${most} updates`)
      }
      return (await make(Array.from(updates, pack), watchOf(options))) as never
    },
    incrementing(member, by = 1, options = NONE) {
      if (options === NONE && !settings.keep) {
        checkMember(member)
        return effect(['i', member, scores.amount('increment', by)])
      }
      checkOptions('incrementing', options, ['id', 'announce'])
      const { id, announce } = options
      const update = id === undefined ? { member, increment: by } : { member, increment: by, id }
      return effect(pack(update), announce)
    },
    setting: (member, score, options = NONE) => {
      checkOptions('setting', options, ['announce'])
      return effect(pack({ member, set: score }), options.announce)
    },
    improving: (member, score, options = NONE) => {
      checkOptions('improving', options, ['announce'])
      return effect(pack({ member, best: score }), options.announce)
    },
  }
}

/** The texts of an increment without an id, in the full form. */
function asIncrement(texts: string): string {
  return textsOf('i') + texts + textsOf('')
}

/** A smaller number added to any finite double gives a finite double. */
const HARMLESS = 2 ** 970

/** The windows of a plan for lua/_lib/record/raising.lua. */
function windowsText(plan: string): string {
  const { windows } = JSON.parse(plan) as {
    readonly windows: readonly {
      readonly z: readonly number[]
      readonly start?: number
      readonly next?: number
      readonly finish?: number
      readonly lives?: readonly number[]
    }[]
  }
  return windows
    .map(({ z, start, next, finish, lives = [] }) =>
      next === undefined ? z.join(' ') : [...z, start, next, finish, ...lives].join(' '),
    )
    .join()
}

/** Microseconds of Redis that an update costs in each window, see `EffectTarget`. */
const LARGE_COSTS = { window: 20, rolling: 25, dense: 25, keep: 10 }
const SMALL_COSTS = { window: 8, rolling: 6, dense: 10, keep: 5 }
/** What the id of an increment costs. */
const ID_COST = 15

function costOf({ windows, dense, keep, dedupWindow }: Settings, costs: typeof LARGE_COSTS): number {
  const each = windows.map(
    ({ kind }) =>
      costs.window +
      (kind === 'rolling' ? costs.rolling : 0) +
      (dense ? costs.dense : 0) +
      (keep ? costs.keep : 0),
  )
  return each.reduce((sum, cost) => sum + cost, dedupWindow === undefined ? 0 : ID_COST)
}

const NONE = {}
