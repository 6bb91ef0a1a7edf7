/** What a suite declares and what the harness makes of it. */

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
  /** The top-level commands that it sends, by which Redis' time for it is read; in lower case. */
  readonly commands: readonly string[]
  open(url: string, ops: number): Promise<Running>
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

/** A measurement of its own kind: not so many operations a second. */
export interface Probe {
  readonly name: string
  readonly about: string
  run(url: string, options: ProbeOptions): Promise<readonly Row[]>
}

export interface ProbeOptions {
  readonly rounds: number
  readonly quick: boolean
  readonly log: (line: string) => void
}

/** What a probe found of one contender: its name and set-up, then figures by name. */
export type Row = Readonly<Record<string, string | number>>

/** One contender in one round. */
export interface Sample {
  readonly opsPerSecond: number
  /** CPU time of this process (or the one the contender runs in), all threads, for each call; microseconds. */
  readonly clientCpuUs: number
  /** CPU time of the Redis processes for each call; microseconds. */
  readonly redisCpuUs: number
  /** Time inside commands, as INFO commandstats has it, for each call; microseconds. */
  readonly redisTimeUs: number
  /** Not a number where a turn is not made of calls. */
  readonly p50Ms: number
  readonly p99Ms: number
}

/** The samples of one contender, in the order of the rounds. */
export interface Series {
  readonly name: string
  readonly setup: string
  readonly samples: readonly Sample[]
}

export interface Measured {
  readonly bench: Bench
  readonly rounds: number
  readonly ops: number
  readonly ours: Series
  /** Every set-up of each peer; the fastest one first. */
  readonly peers: readonly (readonly Series[])[]
  readonly raw: readonly Series[]
}
