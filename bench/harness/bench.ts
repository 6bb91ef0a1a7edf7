/** What a suite declares and what the harness makes of it. */
import type { ClientLibrary, Library } from './library.ts'

export interface Bench {
  /** `suite.case`, as it stands in the output. */
  readonly name: string
  /** What one operation is, for the heading of the table. */
  readonly about: string
  /** Calls that are under way at any time. */
  readonly inFlight: number
  /** Calls of a contender in each round, unless --ops says otherwise. */
  readonly ops: number
  /** Measured rounds, unless --rounds says otherwise. Default 5. */
  readonly rounds?: number
  /** Rounds before those, in which contenders warm up. Default 1. */
  readonly warmUps?: number
  /** Masters of a cluster; a contender is given the address of the first. Default: a single server. */
  readonly masters?: number
  /** The calls are made a multiple of this, so that every subject gets as many. Default 1. */
  readonly multipleOf?: number
  /** Whether the client CPU over that of `raw`, which does the rest of the work, is what is compared. Default false. */
  readonly overRaw?: boolean
  readonly ours: Contender
  readonly peers: readonly Peer[]
  /** What Redis and ioredis allow at most: the bare command, without a library. */
  readonly raw: Peer
}

/** One program in the set-ups in which it is measured; the faster one counts. */
export interface Peer {
  /** With its version where it has one: `rate-limiter-flexible@11.4.0`. */
  readonly name: string
  readonly setups: readonly Contender[]
}

/** One program in one set-up. */
export interface Contender {
  /** `default`, `plain`, `autopipelined`. */
  readonly setup: string
  /** What a peer's set-up runs on. Default: ioredis. */
  readonly client?: ClientLibrary
  /** The top-level commands that it sends, by which Redis' time for it is read; in lower case. */
  readonly commands: readonly string[]
  /** `library` is the build of penknife to measure; peers have no use for it. */
  open(url: string, ops: number, library: Library): Promise<Running>
}

/** A contender that is connected and ready. */
export type Running = RunningCalls | RunningWhole

interface RunningAny {
  /** What the answers of `ops` calls on an empty Redis add up to; anything else is an error. */
  readonly expected: number
  /** Prepares a turn on the emptied Redis; not measured. */
  prepare?(): Promise<void>
  /** Ends what `prepare` or the turn began; not measured. */
  settle?(): Promise<void>
  /** CPU time used so far by the process that is measured, in microseconds. Default: that of this one. */
  cpuUs?(): Promise<number>
  close(): Promise<void>
}

/** One whose calls the harness makes, `inFlight` at a time. */
export interface RunningCalls extends RunningAny {
  /** Makes call number `at`; resolves with a number that is right or wrong in the sum. */
  call(at: number): Promise<number>
}

/** One that does all `ops` of a turn by itself, as a worker that drains a queue. */
export interface RunningWhole extends RunningAny {
  /** Resolves when all is done, with a number that is right or wrong. */
  run(): Promise<number>
}

/** A measurement of its own kind: not calls a second. */
export interface Probe {
  readonly name: string
  readonly about: string
  /** What it measures; the first figure is the one that is compared as `ours`, `peers` and `ratio`. */
  readonly figures: readonly Figure[]
  run(url: string, options: ProbeOptions): Promise<readonly Series[]>
}

export interface ProbeOptions {
  readonly rounds: number
  readonly quick: boolean
  /** The builds of penknife to measure; the first is this one. */
  readonly libraries: readonly Library[]
  readonly log: (line: string) => void
}

export interface Figure {
  /** Its name in the JSON, with its unit: `p50Ms`. */
  readonly id: string
  /** Its name in the table. */
  readonly heading: string
  /** Which direction is good. A figure that only describes (how many were measured) has none. */
  readonly better?: 'more' | 'less'
}

/** The figures of one contender, each a sample a round. */
export interface Series {
  readonly name: string
  readonly setup: string
  /** What was measured, where a bench compares several things; contenders are compared within a case. Default: one case. */
  readonly case?: string
  /** Whether it is what the others are compared with: one in each case. */
  readonly ours: boolean
  /** Whether it is the faster set-up of its contender; the others are in the table only. Default: true. */
  readonly counts?: boolean
  readonly values: Readonly<Record<string, readonly number[]>>
}

/** What is printed of a bench or a probe. */
export interface Outcome {
  readonly name: string
  /** What was measured and at which scale, for the heading of the table. */
  readonly about: string
  readonly figures: readonly Figure[]
  readonly series: readonly Series[]
  /** The same for every JSON row: rounds, calls, calls in flight. */
  readonly scale: Readonly<Record<string, number>>
  /** Whether the CPU over that of the contender that is measured as `raw` is compared too. */
  readonly overRaw?: string
}
