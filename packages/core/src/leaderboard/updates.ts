import { invalid } from '../errors.ts'
import type { Topic } from '../events.ts'
import { checkOptions, checkText } from '../options.ts'
import { readReply, readTime } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Arg, Reply } from '../redis/script.ts'
import {
  leaderboardIncrement,
  leaderboardRecall,
  leaderboardRemove,
  leaderboardUndo,
  leaderboardUpdate,
} from '../redis/scripts.gen.ts'
import { tellChanges } from './changes.ts'
import { createErasure } from './erasure.ts'
import { checkAnyMember, checkMember } from './members.ts'
import type { Settings } from './options.ts'
import type { Scores } from './scores.ts'
import type {
  BoardEvent,
  BoardRemoveOptions,
  BoardUpdate,
  BoardUpdateOptions,
  IncrementOptions,
  Leaderboard,
  ScoreChange,
} from './types.ts'
import { type BoardClock, createCall } from './views.ts'
import type { KeyOf, Layouts } from './windows.ts'

/** An update as the script takes it. */
type Packed = readonly [kind: 'i' | 's' | 'b', member: string, amount: number, id?: string]

export type Updates = Pick<Leaderboard, 'increment' | 'set' | 'best' | 'update' | 'undo' | 'remove'>

/** Updates times windows of one script call. */
const MOST_WRITES = 100
const LONGEST_ID = 128

export interface UpdateParts {
  readonly name: string
  readonly runtime: Runtime
  readonly settings: Settings
  readonly scores: Scores
  readonly layouts: Layouts
  readonly clock: BoardClock
  readonly topic: Topic<BoardEvent>
  /** The key of the all-time window. */
  readonly key: string
  readonly keyOf: KeyOf
}

export function createUpdates(parts: UpdateParts): Updates {
  const { name, runtime, settings, scores, layouts, clock, topic, key, keyOf } = parts
  const { route } = runtime.keys
  const { windows, remember } = settings
  const names = windows.map((window) => window.name)
  const rolling = windows.find(({ kind }) => kind === 'rolling')
  const call = createCall<[changes: Arg, watch: Arg, tell: Arg]>(runtime, leaderboardUpdate, clock, (nowMs) =>
    layouts.update({ nowMs }),
  )
  const removal = createCall<[member: Arg]>(runtime, leaderboardRemove, clock, layouts.remove)
  const erase = createErasure(runtime, settings, keyOf)
  const recall = runtime.bind(leaderboardRecall, [[keyOf('ids')], remember ?? 0])
  const plain = runtime.bind(leaderboardIncrement, [[key]])
  /** One sorted set and nothing beside it. */
  const isPlain =
    windows.length === 1 &&
    windows[0].kind === 'all-time' &&
    !settings.dense &&
    settings.limit === undefined &&
    !settings.keep
  /** Single updates that share a call. */
  const items = Math.max(3, Math.floor(32 / windows.length))

  const heard = (): boolean => settings.events !== undefined && topic.heard

  function pack(update: BoardUpdate): Packed {
    if (typeof update !== 'object' || update === null)
      throw invalid('update', update, 'give an object with a member')
    checkMember(update.member)
    if ('increment' in update) {
      checkOptions('update', update, ['member', 'increment', 'id'])
      if (settings.keep) throw invalid('increment', update.increment, 'a board with keep takes set and best')
      const amount = scores.amount('increment', update.increment)
      return update.id === undefined
        ? ['i', update.member, amount]
        : ['i', update.member, amount, checkId(update.id)]
    }
    const kind = 'set' in update ? 'set' : 'best'
    if (!(kind in update)) throw invalid('update', update, 'give it increment, set or best')
    checkOptions('update', update, ['member', kind])
    const score = (update as Readonly<Record<string, unknown>>)[kind] as number
    if (rolling) throw invalid(kind, score, `window ${rolling.name} is rolling and takes increments only`)
    return [kind === 'set' ? 's' : 'b', update.member, scores.amount(kind, score)]
  }

  function checkId(id: string): string {
    if (remember === undefined)
      throw invalid('id', id, "make the board with remember: '1d', so that it keeps ids")
    return checkText('id', id, LONGEST_ID)
  }

  /** Which window's change is wanted, from 1; 0 when none is. */
  function watchOf({ change = false }: BoardUpdateOptions): number {
    if (change === false) return 0
    const at = change === true ? 0 : names.indexOf(change)
    if (at < 0) throw invalid('change', change, `give true, or one of ${names.join(', ')}`)
    return at + 1
  }

  async function make(changes: readonly Packed[], watch: number): Promise<readonly (number | ScoreChange)[]> {
    const tell = heard()
    const share = changes.length === 1 ? (watch || tell ? Math.ceil(items / 4) : items) : 1
    const reply = await call(share, JSON.stringify(changes), watch, tell ? 1 : 0)
    return readReply(`leaderboard '${name}'`, () => {
      if (typeof reply === 'string') return reply.split('\n').map(scoreOf)
      return (reply as readonly (readonly Reply[])[]).map(([value, change, events], at) => {
        const [, member] = changes[at] as Packed
        if (events && settings.events)
          tellChanges(topic, name, settings.events, member, events as readonly Reply[])
        return watch
          ? toChange(member, names[watch - 1] as string, change as readonly Reply[])
          : scoreOf(value as string)
      })
    })
  }

  const scoreOf = (value: string): number => (value === '' ? 0 : scores.score(value))

  function toChange(member: string, window: string, reply: readonly Reply[]): ScoreChange {
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
    // A number or a change, as `options` asked.
    return made as never
  }

  return {
    async increment(member: string, by: number = 1, options: IncrementOptions = NONE) {
      if (options === NONE && isPlain && !heard()) {
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
    async undo(id) {
      checkId(id)
      for (;;) {
        const time = await recall(route, id)
        if (time === null) return false
        const atMs = Math.floor(readTime(leaderboardRecall.name, time) / 1000)
        const { keys, plan } = layouts.update({ atMs })
        const done = await runtime.bind(leaderboardUndo, [keys, plan])(route, id, time)
        // Else more had to leave a rolling window first.
        if (done !== 2) return done === 1
      }
    },
    async remove(member, options: BoardRemoveOptions = NONE) {
      checkOptions('remove', options, ['erase'])
      const { erase: erases = true } = options
      if (typeof erases !== 'boolean') throw invalid('erase', erases, 'give true or false')
      const there = (await removal(1, checkAnyMember(member))) === '1'
      if (erases) await erase(member)
      return there
    },
  }
}

const NONE = {}
