import type { Decision, GcraRule as Rule } from '@penknife/core'

/** The limiter's promise in whole numbers: what every decision must be, given the time of each call. */

interface Bucket {
  readonly name: string
  readonly limit: bigint
  /** In microseconds. */
  readonly window: bigint
  readonly capacity: bigint
}

/** What a subject has used: of each rule a level that a token raises by the window and a microsecond lowers by the limit. */
interface State {
  readonly time: bigint
  readonly levels: readonly { readonly window: bigint; readonly level: bigint }[]
}

const MS = 1000n

export function createModel(): {
  take(subject: string, rules: readonly Rule[], cost: number, nowUs: number): Expected
} {
  const states = new Map<string, State>()
  return {
    take(subject, rules, cost, nowUs) {
      const buckets = rules.map(bucketOf)
      const now = BigInt(nowUs)
      const levels = levelsAt(buckets, states.get(subject), now)
      const after = buckets.map(({ window }, at) => (levels[at] as bigint) + BigInt(cost) * window)
      const allowed = buckets.every(({ capacity }, at) => (after[at] as bigint) <= capacity)
      if (allowed && cost > 0) {
        states.set(subject, {
          time: now,
          levels: buckets.map(({ window }, at) => ({ window, level: after[at] as bigint })),
        })
      }
      return { allowed, buckets, levels: allowed ? after : levels, cost: BigInt(cost) }
    },
  }
}

function bucketOf({ name, limit, window, burst = limit }: Rule): Bucket {
  const windowUs = BigInt(Number(window)) * MS
  return { name, limit: BigInt(limit), window: windowUs, capacity: BigInt(burst) * windowUs }
}

function levelsAt(buckets: readonly Bucket[], state: State | undefined, now: bigint): bigint[] {
  if (!state) return buckets.map(() => 0n)
  const elapsed = now > state.time ? now - state.time : 0n
  return buckets.map(({ window, limit }, at) => {
    const saved = state.levels[at] as { window: bigint; level: bigint }
    const level = saved.window === window ? saved.level : rescaled(saved, window)
    return max(0n, level - elapsed * limit)
  })
}

/** The tokens in use under another window: in doubles as Lua has them, which may be a unit above the exact value. */
function rescaled({ window, level }: { window: bigint; level: bigint }, to: bigint): bigint {
  const found = BigInt(Math.ceil((Number(level) / Number(window)) * Number(to)))
  const exact = (level * to + window - 1n) / window
  if (found < exact || found > exact + 1n) throw new Error(`rescaled ${found}, exactly ${exact}`)
  return found
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)

export interface Expected {
  readonly allowed: boolean
  readonly buckets: readonly Bucket[]
  /** After the call. */
  readonly levels: readonly bigint[]
  readonly cost: bigint
}

/** What a decision says that is not so; empty when all of it is right. */
export function mistakes(expected: Expected, decision: Decision): string[] {
  const { allowed, buckets, levels, cost } = expected
  const wrong: string[] = []
  const hold = (claim: string, holds: boolean): void => void (holds || wrong.push(claim))
  const levelIn = (at: number, ms: number): bigint => {
    const { limit } = buckets[at] as Bucket
    return max(0n, (levels[at] as bigint) - BigInt(ms) * MS * limit)
  }
  const passesIn = (ms: number): boolean =>
    buckets.every(({ window, capacity }, at) => levelIn(at, ms) + cost * window <= capacity)

  hold(`allowed should be ${allowed}`, decision.allowed === allowed)
  hold('decidedBy', decision.decidedBy === 'redis')
  if (allowed) {
    hold(
      'retryAfterMs of an allowed call is 0',
      decision.retryAfterMs === 0 && decision.violated.length === 0,
    )
  } else {
    const over = buckets.filter(({ window, capacity }, at) => levelIn(at, 0) + cost * window > capacity)
    hold('violated', decision.violated.join() === over.map(({ name }) => name).join())
    hold('waiting retryAfterMs lets the call pass', passesIn(decision.retryAfterMs))
    hold('a millisecond less does not', !passesIn(decision.retryAfterMs - 1))
    hold('the binding rule violates', decision.violated.includes(decision.rule))
  }
  for (const [at, { name, window, capacity }] of buckets.entries()) {
    const rule = decision.rules[at] as Decision['rules'][number]
    const leftIn = (ms: number): number => Math.max(0, Number((capacity - levelIn(at, ms)) / window))
    const full = (ms: number): boolean => levelIn(at, ms) === 0n
    hold(`remaining of ${name}`, rule.name === name && rule.remaining === leftIn(0))
    hold(`resetMs of ${name}`, full(rule.resetMs) && (rule.resetMs === 0 || !full(rule.resetMs - 1)))
    const more = (ms: number): boolean => full(ms) || leftIn(ms) > rule.remaining
    hold(`nextMs of ${name}`, more(rule.nextMs) && (rule.nextMs === 0 ? full(0) : !more(rule.nextMs - 1)))
  }
  const binding = decision.rules.find(({ name }) => name === decision.rule)
  hold('remaining is that of the binding rule', decision.remaining === binding?.remaining)
  const least = Math.min(...decision.rules.map(({ remaining }) => remaining))
  hold('the binding rule of an allowed call has the least left', !allowed || decision.remaining === least)
  return wrong
}
