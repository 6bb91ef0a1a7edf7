import * as fc from 'fast-check'

const TYPES = ['said', 'moved'] as const

export type From = 'start' | 'next' | 'known' | 'other tag' | 'other epoch' | 'beyond' | 'empty'
export type Action =
  | {
      readonly do: 'publish'
      readonly count: number
      readonly type: (typeof TYPES)[number]
      readonly ttl: number | undefined
      readonly coalesce: string | undefined
      readonly id: string | undefined
    }
  | {
      readonly do: 'join'
      readonly from: From
      readonly nth: number
      readonly filter: boolean
      readonly state: boolean
      /** With others, if it has neither filter nor state. */
      readonly shared: boolean
    }
  | { readonly do: 'pause' | 'resume' | 'leave'; readonly nth: number }
  | { readonly do: 'kill' }
/** What is done at once, or something that takes history away. */
export type Step =
  | { readonly do: 'together'; readonly actions: readonly Action[] }
  | { readonly do: 'pages'; readonly nth: number; readonly from: From; readonly count: number }
  | {
      readonly do: 'trim' | 'roll back' | 'roll back to nothing' | 'lose messages'
      readonly count: number
    }
  /** The history is lost as by its expiry, or everything is, or only the beginnings of channels without a history, or `clear`. */
  | { readonly do: 'delete' | 'flush' | 'forget' | 'clear' }
  | { readonly do: 'delete the newest' }
  | { readonly do: 'clock'; readonly ms: number }

const nth = fc.nat(1000)
const cursor = fc.constantFrom<From[]>(
  'start',
  'next',
  'known',
  'known',
  'known',
  'other tag',
  'other epoch',
  'beyond',
  'empty',
  'empty',
  'empty',
)
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      count: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 1, max: 6 }) },
        { weight: 1, arbitrary: fc.constant(230) },
      ),
      type: fc.constantFrom(...TYPES),
      ttl: fc.option(fc.constantFrom(5000, 30_000), { nil: undefined, freq: 3 }),
      coalesce: fc.option(fc.constantFrom('a', 'b'), { nil: undefined, freq: 3 }),
      id: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined, freq: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      from: cursor,
      nth,
      filter: fc.boolean(),
      state: fc.boolean(),
      shared: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const), nth }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), nth }) },
  { weight: 1, arbitrary: fc.constant({ do: 'kill' as const }) },
)
export const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('together' as const),
      actions: fc.array(action, { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('pages' as const),
      nth,
      from: cursor,
      count: fc.integer({ min: 1, max: 7 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'trim' as const,
        'roll back' as const,
        'roll back to nothing' as const,
        'lose messages' as const,
      ),
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'delete' as const,
        'delete' as const,
        'flush' as const,
        'forget' as const,
        'clear' as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'delete the newest' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('clock' as const),
      ms: fc.constantFrom(1000, 20_000, 70_000, -20_000),
    }),
  },
)
