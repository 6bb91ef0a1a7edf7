import type {
  BoardCalendarWindow,
  BoardScoreRange,
  BoardUpdate,
  BoardWindow,
  LeaderboardOptions,
  BoardRankStyle,
} from '@penknife/core'
import * as fc from 'fast-check'

/**
 * Moments to begin at. All are years ahead of the machine's clock, because Redis expires keys by its own and not by the
 * test's: days on which clocks are changed, by an hour or by half of one, and the days around ISO week 53.
 */
export const MOMENTS: readonly (readonly [timeZone: string, at: string])[] = [
  ['Europe/Berlin', '2032-03-28T01:00:00Z'],
  ['Europe/Berlin', '2032-10-31T01:00:00Z'],
  ['America/New_York', '2032-03-14T07:00:00Z'],
  ['America/New_York', '2032-11-07T06:00:00Z'],
  ['Australia/Lord_Howe', '2032-04-03T15:00:00Z'],
  ['Australia/Lord_Howe', '2032-10-02T15:30:00Z'],
  ['America/Santiago', '2032-04-04T03:00:00Z'],
  ['America/Santiago', '2032-09-05T04:00:00Z'],
  ['Asia/Kolkata', '2032-12-31T18:30:00Z'],
  ['Asia/Kathmandu', '2032-02-29T18:15:00Z'],
  ['UTC', '2032-12-27T00:00:00Z'],
  ['Pacific/Auckland', '2033-01-02T11:00:00Z'],
]

export interface Setting {
  readonly options: LeaderboardOptions
  readonly startMs: number
}

export type Step =
  | { readonly kind: 'clock'; readonly ms: number }
  | {
      readonly kind: 'update'
      readonly updates: readonly BoardUpdate[]
      readonly change: number | undefined
      /** Whether someone listens to events. */
      readonly listening: boolean
    }
  | { readonly kind: 'undo'; readonly id: string }
  | { readonly kind: 'remove'; readonly member: string }
  | { readonly kind: 'endSeason'; readonly id: string; readonly window: number; readonly previous: number }
  | { readonly kind: 'season'; readonly id: string }
  | { readonly kind: 'removeRange'; readonly window: number; readonly from: number; readonly count: number }
  | { readonly kind: 'clear'; readonly window: number | undefined }
  | { readonly kind: 'describe'; readonly member: string; readonly data: unknown }
  | { readonly kind: 'read'; readonly read: Read }

/** A read, of a window by its number. */
export type Read = {
  readonly window: number
  readonly previous: number
  readonly ranks: BoardRankStyle
  readonly data: boolean
} & (
  | { readonly ask: 'top'; readonly count: number; readonly from: number }
  | { readonly ask: 'rank' | 'data'; readonly member: string }
  | { readonly ask: 'percentile'; readonly member: string; readonly interpolate: boolean }
  | { readonly ask: 'around'; readonly member: string; readonly each: number; readonly fill: boolean }
  | { readonly ask: 'ranks' | 'among'; readonly members: readonly string[] }
  | { readonly ask: 'byScore'; readonly range: BoardScoreRange; readonly from: number }
  | { readonly ask: 'count'; readonly range: BoardScoreRange }
  | { readonly ask: 'rankFor'; readonly score: number }
  | { readonly ask: 'sum' }
  | { readonly ask: 'scoreAt'; readonly percent: number; readonly interpolate: boolean }
)

// Few members and few scores, so that ties and repetitions are common; names whose order by UTF-16 and by bytes differ.
const member = fc.constantFrom('a', 'B', 'b', 'aa', 'ż', '\u{1f422}', '\ufffd', '~', ' ', '__proto__')
const season = fc.constantFrom('s1', 's2', 's3')
const id = fc.constantFrom('i1', 'i2', 'i3', 'i4', 'i5', 'i6')

const SECOND = 1000
const HOUR = 3_600_000
const DAY = 24 * HOUR

const clock = fc.oneof(
  fc.constantFrom(1, SECOND, 60 * SECOND, HOUR - 1, HOUR, DAY - 1, DAY, DAY + 1),
  fc.integer({ min: 0, max: 10 * SECOND }),
  fc.integer({ min: 0, max: 2 * HOUR }),
  fc.integer({ min: 0, max: 3 * DAY }),
  fc.integer({ min: 0, max: 40 * DAY }),
  fc.integer({ min: 0, max: 200 * DAY }),
)

/** Calendar windows, by name. */
const CALENDARS: Readonly<Record<string, BoardCalendarWindow>> = {
  hour: { calendar: 'hour' },
  day: { calendar: 'day' },
  week: { calendar: 'week' },
  month: { calendar: 'month' },
  minutes: { calendar: 'minute', every: 5 },
  hours: { calendar: 'hour', every: 6 },
  gameDay: { calendar: 'day', dayStart: '05:00' },
  // A time that clocks repeat or skip in most zones.
  night: { calendar: 'day', dayStart: '02:30' },
  days: { calendar: 'day', every: 3, from: '2032-03-27' },
  sundays: { calendar: 'week', weekStart: 'sunday' },
  thursdays: { calendar: 'week', every: 2, weekStart: 'thursday', dayStart: '05:00', from: '2040-01-06' },
  months: { calendar: 'month', every: 5, dayStart: '05:00' },
  quarter: { calendar: 'quarter' },
  year: { calendar: 'year', from: '2026-04-01' },
}

/** Everything a board can be. */
export const setting: fc.Arbitrary<Setting> = fc
  .record({
    moment: fc.constantFrom(...MOMENTS),
    before: fc.integer({ min: 0, max: 3 * HOUR }),
    order: fc.constantFrom('descending' as const, 'ascending' as const),
    kind: fc.constantFrom('plain' as const, 'bounded' as const, 'rolling' as const),
    calendars: fc.uniqueArray(fc.constantFrom(...Object.keys(CALENDARS)), { maxLength: 2 }),
    previous: fc.integer({ min: 0, max: 2 }),
    allTime: fc.boolean(),
    rollings: fc.subarray(
      [
        { last: '1h' },
        { last: '1d' },
        { last: '1d', tolerance: '1h' },
        { last: 10_000, tolerance: 5000 },
      ] as const,
      { minLength: 1, maxLength: 2 },
    ),
    ties: fc.constantFrom('first come' as const, 'member' as const, 'member-descending' as const),
    unit: fc.constantFrom('1s' as const, '1m' as const),
    denseRanks: fc.boolean(),
    keep: fc.integer({ min: 1, max: 5 }),
    decimals: fc.integer({ min: 0, max: 2 }),
    dedupWindow: fc.constantFrom(undefined, '2h' as const, '366d' as const),
    events: fc.option(
      fc.record({ window: fc.nat({ max: 3 }), top: fc.nat({ max: 4 }), overtaken: fc.nat({ max: 3 }) }),
      { nil: undefined },
    ),
  })
  .map((made) => {
    const [timeZone, at] = made.moment
    const windows: Record<string, BoardWindow> = {}
    if (made.kind === 'rolling') {
      made.rollings.forEach((window, nth) => (windows[`rolling${nth}`] = window))
    }
    for (const name of made.calendars) {
      const calendar = CALENDARS[name] as BoardCalendarWindow
      windows[name] = { ...calendar, timeZone, previous: made.previous }
    }
    if (made.allTime || Object.keys(windows).length === 0) windows['all'] = 'all-time'
    // A rolling window first and one last.
    const ordered =
      made.order === 'ascending' ? Object.entries(windows) : Object.entries(windows).toReversed()
    const ties = { unit: made.unit, since: '2032-01-01T00:00:00Z', until: '2036-01-01T00:00:00Z' }
    const options: LeaderboardOptions = {
      order: made.order,
      windows: Object.fromEntries(ordered),
      ties: made.ties === 'first come' ? ties : made.ties,
      denseRanks: made.denseRanks,
      ...(made.kind === 'bounded' ? { keep: made.keep } : {}),
      ...(made.kind === 'rolling' || made.decimals === 1 ? { decimals: made.decimals } : {}),
      ...(made.dedupWindow && made.kind !== 'bounded' ? { dedup: { window: made.dedupWindow } } : {}),
      ...(made.events
        ? { events: { ...made.events, window: String(ordered[made.events.window % ordered.length]?.[0]) } }
        : {}),
    }
    return { options, startMs: Date.parse(at) - made.before }
  })

/** Numbers that the board's kind takes, and some that lead out of its range. */
function scoreFor({ ties = 'member', decimals }: LeaderboardOptions): fc.Arbitrary<number> {
  const few = fc.constantFrom(0, 1, 1, 2, 3, -1, 5)
  if (typeof ties === 'string' && decimals !== undefined) {
    return fc
      .integer({ min: -300, max: 300 })
      .map((units) => Number((units / 10 ** decimals).toFixed(decimals)))
  }
  if (typeof ties === 'object') {
    return fc.oneof({ weight: 5, arbitrary: few }, fc.constantFrom(2 ** 25, -(2 ** 25), 2 ** 26 - 1, 2 ** 28))
  }
  return fc.oneof(
    { weight: 4, arbitrary: few },
    fc.constantFrom(0.1, 0.2, -0.3, 1e15, 2 ** 53, 1e-300, Number.MIN_VALUE, 1e300, -1e300, Number.MAX_VALUE),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
}

function updateFor(options: LeaderboardOptions): fc.Arbitrary<BoardUpdate> {
  const score = scoreFor(options)
  const increment = options.dedup
    ? fc.oneof(fc.record({ member, increment: score }), fc.record({ member, increment: score, id }))
    : fc.record({ member, increment: score })
  const rolls = Object.values(options.windows ?? {}).some(
    (window) => typeof window === 'object' && 'last' in window,
  )
  if (rolls) return increment
  const others = [fc.record({ member, set: score }), fc.record({ member, best: score })]
  return options.keep === undefined ? fc.oneof(increment, ...others) : fc.oneof(...others)
}

function readFor(options: LeaderboardOptions): fc.Arbitrary<Read> {
  const common = {
    window: fc.nat({ max: 3 }),
    previous: fc.nat({ max: 2 }),
    ranks: fc.constantFrom<BoardRankStyle>(
      'ordinal',
      'competition',
      ...(options.denseRanks ? ['dense' as const] : []),
    ),
    data: fc.boolean(),
  }
  const members = fc.array(fc.oneof(member, fc.constant('nobody')), { maxLength: 8 })
  // A half is a score of no board with whole numbers.
  const bound = fc.oneof(scoreFor(options), fc.constantFrom(-Infinity, Infinity, 0.5, -1.5))
  const range = fc
    .record({
      low: fc.constantFrom('min', 'above'),
      high: fc.constantFrom('max', 'below'),
      a: bound,
      b: bound,
    })
    .map(({ low, high, a, b }): BoardScoreRange => ({ [low]: a, [high]: b }))
  return fc.oneof(
    fc.record({ ...common, ask: fc.constant('top' as const), count: small(12), from: small(12) }),
    fc.record({ ...common, ask: fc.constantFrom('rank' as const, 'data' as const), member }),
    fc.record({ ...common, ask: fc.constant('percentile' as const), member, interpolate: fc.boolean() }),
    fc.record({
      ...common,
      ask: fc.constant('around' as const),
      member,
      each: fc.nat({ max: 6 }),
      fill: fc.boolean(),
    }),
    fc.record({ ...common, ask: fc.constantFrom('ranks' as const, 'among' as const), members }),
    fc.record({ ...common, ask: fc.constant('byScore' as const), range, from: small(4) }),
    fc.record({ ...common, ask: fc.constant('count' as const), range }),
    fc.record({ ...common, ask: fc.constant('rankFor' as const), score: bound }),
    fc.record({ ...common, ask: fc.constant('sum' as const) }),
    fc.record({
      ...common,
      ask: fc.constant('scoreAt' as const),
      percent: fc.oneof(fc.double({ min: 0, max: 100, noNaN: true }), fc.constantFrom(0, 25, 50, 90, 100)),
      interpolate: fc.boolean(),
    }),
  )
}

const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max })

/** Also backwards, but only for windows whose result does not depend on the order of the increments. */
function clockFor({ windows = {}, dedup }: LeaderboardOptions): fc.Arbitrary<number> {
  const ordered = Object.values(windows).some((window) => typeof window === 'object' && 'last' in window)
  if (ordered || dedup !== undefined) return clock
  return fc.oneof({ weight: 4, arbitrary: clock }, fc.integer({ min: -3 * DAY, max: -1 }))
}

/** A board and the steps on it. */
export const history: fc.Arbitrary<readonly [Setting, readonly Step[]]> = setting.chain((made) => {
  const { options } = made
  const windows = Object.keys(options.windows ?? {}).length
  const update = fc.record({
    kind: fc.constant('update' as const),
    updates: fc.oneof(
      { weight: 3, arbitrary: updateFor(options).map((one) => [one]) },
      fc.array(updateFor(options), { minLength: 1, maxLength: 6 }),
    ),
    change: fc.option(fc.nat({ max: windows - 1 }), { nil: undefined }),
    listening: options.events ? fc.boolean() : fc.constant(false),
  })
  const turn = fc.record({ kind: fc.constant('clock' as const), ms: clockFor(options) })
  const endSeason = fc.record({
    kind: fc.constant('endSeason' as const),
    id: season,
    window: fc.nat({ max: windows - 1 }),
    previous: fc.nat({ max: 2 }),
  })
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: update },
    { weight: 10, arbitrary: fc.record({ kind: fc.constant('read' as const), read: readFor(options) }) },
    { weight: 4, arbitrary: turn },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), member }) },
    { weight: 1, arbitrary: endSeason },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('season' as const), id: season }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('removeRange' as const),
        window: fc.nat({ max: windows - 1 }),
        from: small(6),
        count: small(3),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('clear' as const),
        window: fc.option(fc.nat({ max: windows - 1 }), { nil: undefined }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('describe' as const),
        member,
        data: fc.constantFrom(null, 1, { n: 'x' }),
      }),
    },
    ...(options.dedup
      ? [{ weight: 2, arbitrary: fc.record({ kind: fc.constant('undo' as const), id }) }]
      : []),
  )
  const steps = fc.array(step, { minLength: 5, maxLength: 60 })
  if (options.dedup === undefined) return fc.tuple(fc.constant(made), steps)
  // Most increments are still counted when they are undone, unless the window has changed in between.
  const changes = fc.array(fc.oneof(turn, endSeason, update), { minLength: 1, maxLength: 3 })
  const late = fc
    .tuple(member, scoreFor(options), fc.constantFrom('l1', 'l2', 'l3', 'l4', 'l5', 'l6'), changes)
    .map(([who, increment, own, between]): readonly Step[] => [
      { kind: 'update', updates: [{ member: who, increment, id: own }], change: undefined, listening: false },
      ...between,
      { kind: 'undo', id: own },
    ])
  const lateUndos = fc.array(late, { maxLength: 3 }).map((all) => all.flat())
  return fc.tuple(
    fc.constant(made),
    fc.tuple(steps, lateUndos).map((all) => all.flat()),
  )
})
