import type { LimiterRule } from '@penknife/core'

/**
 * Compares the tokens that passed under one rule of a subject, less those given back, with the bound that the rule's
 * algorithm promises. Times are whole microseconds of a clock that is never set back.
 */
export interface Ledger {
  pass(charge: number, tokens: number, now: number): void
  has(charge: number): boolean
  /** How many tokens of a charge were not given back yet. */
  left(charge: number): number
  giveBack(charge: number, tokens: number): void
  /** Of the latest charges, as a refund does that names none. */
  giveBackLatest(tokens: number): void
  /** An interval in which more passed than the rule promises. */
  broken(): string | undefined
}

interface Passed {
  readonly at: number
  tokens: number
}

export function createLedger(rule: LimiterRule): Ledger {
  const charges = new Map<number, Passed>()
  const promise = promiseOf(rule)
  return {
    pass: (charge, tokens, at) => void charges.set(charge, { at, tokens }),
    has: (charge) => charges.has(charge),
    left: (charge) => charges.get(charge)?.tokens ?? 0,
    giveBack(charge, tokens) {
      const passed = charges.get(charge)
      if (passed) passed.tokens -= tokens
    },
    giveBackLatest(tokens) {
      let left = tokens
      for (const passed of [...charges.values()].toReversed()) {
        const back = Math.min(left, passed.tokens)
        passed.tokens -= back
        left -= back
      }
    },
    broken() {
      const all = [...charges.values()]
      for (const [from, first] of all.entries()) {
        let sum = 0
        for (const { at, tokens } of all.slice(from)) {
          sum += tokens
          if (promise(sum, first.at, at)) continue
          return `${rule.name}: ${sum} tokens passed in the ${at - first.at} us from ${first.at} on`
        }
      }
      return undefined
    },
  }
}

type Promised = (tokens: number, from: number, to: number) => boolean

/** Whether so many tokens may pass from a moment until another one, both included. */
function promiseOf(rule: LimiterRule): Promised {
  const { limit } = rule
  if ('calendar' in rule) {
    const period = rule.calendar === 'hour' ? 3_600_000_000 : 86_400_000_000
    const nth = (us: number): number => Math.floor(us / period)
    return (tokens, from, to) => tokens <= (nth(to) - nth(from) + 1) * limit
  }
  const window = 'window' in rule ? Number(rule.window) * 1000 : 0
  const inWindows = (tokens: number): bigint => BigInt(tokens) * BigInt(window)
  switch (rule.algorithm) {
    case 'fixed-window':
      // So many windows can have a part in it, one that began before included.
      return (tokens, from, to) => tokens <= (Math.floor((to - from) / window) + 2) * limit
    case 'sliding-window':
      return (tokens, from, to) => to - from >= window || tokens < 2 * limit
    case 'sliding-log':
      return (tokens, from, to) => tokens <= (Math.floor((to - from) / window) + 1) * limit
    case 'concurrency':
      return () => true
    default: {
      const burst = rule.burst ?? limit
      return (tokens, from, to) => inWindows(tokens) <= inWindows(burst) + BigInt(to - from) * BigInt(limit)
    }
  }
}
