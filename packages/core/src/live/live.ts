import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { type Changes, changesOf } from '../redis/changes.ts'
import type { BoardRow } from '../leaderboard/index.ts'
import type {
  LiveAroundOptions,
  LiveBoard,
  LiveCounter,
  LiveCounterOptions,
  LiveCounters,
  LiveRankOptions,
  LiveRateOptions,
  LiveReadOptions,
  LiveRows,
  LiveTopOptions,
  LiveView,
} from './types.ts'
import { View } from './view.ts'

const RATES = ['every', 'tick'] as const
const READS = ['window', 'previous', 'ranks', 'data'] as const

/**
 * Makes a view of a board, of a counter, or of anything that can be read: a snapshot, and then what changed.
 *
 *     const top = live(board, { top: 10 })
 *     const stop = top.watch(({ value }) => show(value))
 *
 * Give views to `notifications` and `notificationSockets` as `views`, and browsers follow them as channels.
 *
 * A view costs nothing while nobody watches it. Watched, it is read at most once `every`, once for all watchers of the process, and each
 * value is one that the board had. Counters, and boards with `live: true`, tell of their changes: then it is read only after one, and
 * every `tick`. Without that it is read `every` time.
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function live<Data>(board: LiveBoard<Data>, options: LiveTopOptions): LiveView<LiveRows<Data>>
export function live<Data>(board: LiveBoard<Data>, options: LiveAroundOptions): LiveView<LiveRows<Data>>
export function live<Data>(board: LiveBoard<Data>, options: LiveRankOptions): LiveView<BoardRow<Data> | null>
export function live(counters: LiveCounters, options: LiveCounterOptions): LiveView<LiveCounter>
export function live<Value>(options: LiveReadOptions<Value>): LiveView<Value>
export function live(source: object, options?: object): LiveView<never> {
  if (typeof source !== 'object' || source === null) {
    throw invalid('live', source, 'give a leaderboard, counters, or { read }')
  }
  const found = options === undefined ? readerOf(source) : sourceOf(source, options)
  const { every = '250ms', tick = '5s' } = (options ?? source) as LiveRateOptions
  const view = new View({
    ...found,
    everyMs: durationMs('live every', every, { min: 20, max: 60_000 }),
    tickMs: durationMs('live tick', tick, { min: 100, max: 3_600_000 }),
  })
  return view as unknown as LiveView<never>
}

interface Source {
  readonly title: string
  readonly read: () => unknown
  readonly changes: Changes | undefined
}

function readerOf(options: object): Source {
  checkOptions('live', options, [...RATES, 'read'])
  const { read } = options as LiveReadOptions<unknown>
  if (typeof read !== 'function') throw invalid('live read', read, 'give a function, or a board and options')
  return { title: 'a live view', read, changes: undefined }
}

function sourceOf(object: object, options: object): Source {
  if (typeof options !== 'object' || options === null)
    throw invalid('live options', options, 'give an object')
  const { name } = object as { readonly name?: string }
  const changes = changesOf(object)
  if ('counter' in options) {
    const { counter } = options as LiveCounterOptions
    checkOptions('live', options, [...RATES, 'counter'])
    checkMethods(object, ['read'], 'counters made by createCounters')
    const counters = object as LiveCounters
    if (typeof counter !== 'string') throw invalid('live counter', counter, 'give the name of a counter')
    return {
      title: `the live view of counter '${counter}' of '${name}'`,
      read: async () => counterOf((await counters.read([counter]))[0]),
      changes: changes && onlyOf(changes, counter),
    }
  }
  checkMethods(object, ['top', 'rank', 'around'], 'a leaderboard made by createLeaderboard')
  const board = object as LiveBoard
  const title = `a live view of leaderboard '${name}'`
  return { title, read: boardReader(board, options), changes }
}

/** JSON has no Infinity. */
function counterOf(state: Partial<LiveCounter> = {}): LiveCounter {
  const { value = 0, available, room } = state
  const finite = (amount: number | null = null): number | null => (Number.isFinite(amount) ? amount : null)
  return { value, available: finite(available), room: finite(room) }
}

function boardReader(board: LiveBoard, options: object): () => unknown {
  if ('top' in options) {
    checkOptions('live', options, [...RATES, ...READS, 'top', 'from'])
    const { top, from, every: _, tick: __, ...reading } = options as LiveTopOptions
    return () => board.top(top, from, reading)
  }
  if ('around' in options) {
    checkOptions('live', options, [...RATES, ...READS, 'around', 'each'])
    const { around, each, every: _, tick: __, ...reading } = options as LiveAroundOptions
    return async () => (await board.around(around, each, reading)) ?? []
  }
  checkOptions('live', options, [...RATES, ...READS, 'rank'])
  const { rank, every: _, tick: __, ...reading } = options as LiveRankOptions
  if (typeof rank !== 'string') throw invalid('live options', options, 'give one of top, around and rank')
  return () => board.rank(rank, reading)
}

function checkMethods(object: object, methods: readonly string[], what: string): void {
  const callable = methods.every((name) => typeof (object as Record<string, unknown>)[name] === 'function')
  if (!callable) throw invalid('live', object, `give ${what}`)
}

/** The changes of one counter: its nudges are `+name` and `-name`, others are for all. */
function onlyOf(changes: Changes, counter: string): Changes {
  return {
    follow: (changed, reliable) =>
      changes.follow((text) => {
        if (!/^[+-]/.test(text) || text.slice(1) === counter) changed(text)
      }, reliable),
  }
}
