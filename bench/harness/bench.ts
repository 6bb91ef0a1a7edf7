import type { ClientLibrary, Library } from './library.ts'

export interface Bench {
  /** `suite.case`, as printed. */
  readonly name: string
  /** One operation in words, for the heading of the table. */
  readonly about: string
  /** Calls in flight at any time. */
  readonly inFlight: number
  /** Calls of a contender in each round, without --ops. */
  readonly ops: number
  /** Measured rounds, without --rounds. Default 5. */
  readonly rounds?: number
  /** Warm-up rounds before those. Default 1. */
  readonly warmUps?: number
  /** Masters of a cluster. A contender gets the address of the first. Default: a single server. */
  readonly masters?: number
  /** The number of calls is rounded to a multiple of this, so that every subject gets the same number. Default 1. */
  readonly multipleOf?: number
  /** Whether to compare the client CPU that exceeds that of `raw`, which does the rest of the work. Default false. */
  readonly overRaw?: boolean
  readonly ours: Contender
  readonly peers: readonly Peer[]
  /** The most that Redis and ioredis allow: the bare command, without a library. */
  readonly raw: Peer
}

/** One program in each of its set-ups. The fastest one counts. */
export interface Peer {
  /** With its version if it has one: `rate-limiter-flexible@11.4.0`. */
  readonly name: string
  readonly setups: readonly Contender[]
}

/** One program in one set-up. */
export interface Contender {
  /** `default`, `plain`, `autopipelined`. */
  readonly setup: string
  /** The client library of a peer's set-up. Default: ioredis. */
  readonly client?: ClientLibrary
  /** The commands that it sends, in lower case. Redis' time for them is measured. */
  readonly commands: readonly string[]
  /** `library` is the build of penknife to measure. Peers ignore it. */
  open(url: string, ops: number, library: Library): Promise<Running>
}

/** A contender that is connected and ready. */
export type Running = RunningCalls | RunningWhole

interface RunningAny {
  /** The sum of the results of `ops` calls on an empty Redis. Another sum is an error. */
  readonly expected: number
  /** Prepares a run on the emptied Redis. Not measured. */
  prepare?(): Promise<void>
  /** Ends what `prepare` or the run began. Not measured. */
  settle?(): Promise<void>
  /** CPU time used so far by the measured process, in microseconds. Default: that of this process. */
  cpuUs?(): Promise<number>
  close(): Promise<void>
}

/** A contender whose calls the harness makes, `inFlight` at a time. */
export interface RunningCalls extends RunningAny {
  /** Makes call number `at`. Resolves with a number for the sum. */
  call(at: number): Promise<number>
}

/** A contender that does all `ops` of a run itself, such as a worker that drains a queue. */
export interface RunningWhole extends RunningAny {
  /** Resolves when all is done, with the sum. */
  run(): Promise<number>
}

/** Another measurement than calls a second. */
export interface Probe {
  readonly name: string
  readonly about: string
  /** Its figures. The first one is compared as `ours`, `peers` and `ratio`. */
  readonly figures: readonly Figure[]
  run(url: string, options: ProbeOptions): Promise<readonly Series[]>
}

export interface ProbeOptions {
  readonly rounds: number
  readonly quick: boolean
  /** The builds of penknife to measure. The first is this one. */
  readonly libraries: readonly Library[]
  readonly log: (line: string) => void
}

export interface Figure {
  /** Its name in the JSON, with its unit: `p50Ms`. */
  readonly id: string
  /** Its name in the table. */
  readonly heading: string
  /** The better direction. A figure that only describes, such as a number of samples, has none. */
  readonly better?: 'more' | 'less'
}

/** The figures of one contender, with a sample for each round. */
export interface Series {
  readonly name: string
  readonly setup: string
  /** The case, if a bench has several. Contenders are compared within a case. Default: one case. */
  readonly case?: string
  /** Whether the others are compared with it. One in each case. */
  readonly ours: boolean
  /** Whether it is the fastest set-up of its contender. The others are only in the table. Default: true. */
  readonly counts?: boolean
  readonly values: Readonly<Record<string, readonly number[]>>
}

/** The result of a bench or a probe, for printing. */
export interface Outcome {
  readonly name: string
  /** The measurement and its scale, for the heading of the table. */
  readonly about: string
  readonly figures: readonly Figure[]
  readonly series: readonly Series[]
  /** The fields that every JSON row has: rounds, calls, calls in flight. */
  readonly scale: Readonly<Record<string, number>>
  /** Whether the CPU that exceeds that of `raw` is compared too. */
  readonly overRaw?: string
}
