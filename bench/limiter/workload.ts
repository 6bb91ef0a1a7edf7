/** The calls of a case, and their expected results. */
export interface Workload {
  /** The number of subjects. Call number `at` is for subject `at % subjects`. */
  readonly subjects: number
  /** The rules for a round of so many calls, the tightest last. */
  rules(ops: number): readonly WorkRule[]
}

export interface WorkRule {
  readonly name: string
  readonly limit: number
  readonly windowMs: number
}

const HOUR_MS = 60 * 60 * 1000
/** So long that no token comes back during a round. So the expected number of admitted calls is known. */
const DAY_MS = 24 * HOUR_MS

/** One rule. Nearly all calls of a subject pass. A limiter that admits all calls is detected. */
export const exact: Workload = {
  subjects: 1000,
  rules: (ops) => [{ name: 'day', limit: nearly(ops / 1000), windowMs: DAY_MS }],
}

/** The same for the visitors of a server. */
export const visits: Workload = {
  subjects: 100,
  rules: (ops) => [{ name: 'day', limit: nearly(ops / 100), windowMs: DAY_MS }],
}

/** Three rules that are charged together. The last one is the strictest. */
export const three: Workload = {
  subjects: 1000,
  rules: (ops) => [
    { name: 'hour', limit: 2 * nearly(ops / 1000), windowMs: HOUR_MS },
    { name: 'quarter', limit: 2 * nearly(ops / 1000), windowMs: 6 * HOUR_MS },
    { name: 'day', limit: nearly(ops / 1000), windowMs: DAY_MS },
  ],
}

/** One subject that calls without end. A hundred calls pass. */
export const attack: Workload = {
  subjects: 1,
  rules: () => [{ name: 'day', limit: 100, windowMs: DAY_MS }],
}

function nearly(calls: number): number {
  return Math.max(1, Math.floor(calls * 0.98))
}

export interface Subjects {
  /** The subject of a call. */
  of(at: number): string
  /** Other subjects in each run, so that caches of the process do not help. */
  next(): Promise<void>
}

export function subjectsOf({ subjects }: Workload): Subjects {
  const named = (round: number): readonly string[] =>
    Array.from({ length: subjects }, (_, at) => `user-${round}-${at}`)
  let round = 0
  let names = named(round)
  return {
    of: (at) => names[at % subjects] as string,
    async next() {
      names = named(++round)
    },
  }
}

/** The number of calls that pass. A result is 1 for a call that passes. */
export function allowedOf({ subjects, rules }: Workload, ops: number): number {
  const tightest = Math.min(...rules(ops).map(({ limit }) => limit))
  return subjects * Math.min(tightest, ops / subjects)
}
