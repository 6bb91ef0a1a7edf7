import * as fc from 'fast-check'

export const CONSUMERS = ['one', 'two', 'three']
export const KEYS = ['ann', 'annie', 'bob']

export type Outcome = 'finish' | 'retry' | 'give back' | 'bury'
export type Step =
  | { readonly do: 'add'; readonly key: number; readonly count: number; readonly delayMs: number }
  | { readonly do: 'read'; readonly by: number; readonly count: number }
  /** A worker sends outcomes of entries that it has, or once had. */
  | {
      readonly do: 'settle'
      readonly by: number
      readonly outcomes: readonly Outcome[]
      readonly run: number
    }
  /** A worker takes a token for an entry that it has, or once had. */
  | { readonly do: 'limit'; readonly by: number; readonly which: number; readonly denied: boolean }
  | { readonly do: 'leave'; readonly by: number }
  | { readonly do: 'wait'; readonly ms: number; readonly takeOver: boolean }
  | { readonly do: 'requeue' | 'purge' | 'delete' | 'cancel' | 'reschedule'; readonly which: number }

const by = fc.nat(CONSUMERS.length - 1)
const outcome = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Outcome>('finish') },
  { weight: 4, arbitrary: fc.constantFrom<Outcome>('retry', 'give back', 'bury') },
)
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      key: fc.nat(KEYS.length - 1),
      count: fc.integer({ min: 1, max: 4 }),
      delayMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 50 })),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('read' as const), by, count: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      by,
      // Often fewer than those of a run.
      outcomes: fc.oneof(fc.array(outcome, { minLength: 1, maxLength: 5 }), fc.tuple(outcome)),
      run: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('limit' as const), by, which: fc.nat(3), denied: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), by }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.nat(40),
      takeOver: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'requeue' as const,
        'purge' as const,
        'delete' as const,
        'cancel' as const,
        'reschedule' as const,
      ),
      which: fc.nat(20),
    }),
  },
)
