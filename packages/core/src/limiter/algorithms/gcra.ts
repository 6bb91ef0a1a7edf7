import { invalid } from '../../errors.ts'
import { wholeNumber } from '../../options.ts'
import {
  type KnownRule,
  LARGEST_LIMIT,
  limitOf,
  microseconds,
  msUp,
  type RuleHead,
  stateId,
} from '../rule.ts'
import type { GcraRule } from '../rule-types.ts'

/** A GCRA rule in the units of the script: a token adds `token` to the level, a microsecond drains `drain`. */
export interface Bucket extends KnownRule {
  readonly letter: 'g'
  readonly drain: number
  readonly token: number
  readonly capacity: number
}

/** Levels are whole numbers, exact up to this. */
const LARGEST_LEVEL = 2 ** 52

export function gcra(head: RuleHead, rule: GcraRule): Bucket {
  const limit = limitOf(rule)
  const windowUs = microseconds('window', rule, rule.window)
  const burst = burstOf(rule, limit)
  const { drain, token } = unitsOf(limit, windowUs, burst)
  if (drain === 0) {
    throw invalid(
      `burst of rule '${head.name}'`,
      burst,
      `give at most ${exactBurst(limit, windowUs)} with this limit and window, so that counting stays exact`,
    )
  }
  const capacity = burst * token
  /** Milliseconds until that many units have drained, rounded up. */
  const drainMs = (units: number): number => msUp(units / drain)
  return {
    ...head,
    algorithm: 'gcra',
    limit,
    windowMs: windowUs / 1000,
    burst,
    letter: 'g',
    id: stateId('g', head.name),
    most: burst,
    drain,
    token,
    capacity,
    parameters: () => [drain, token, capacity],
    stateSize: 1,
    amounts(numbers, at) {
      const level = numbers[at] as number
      const remaining = Math.max(0, Math.floor((capacity - level) / token))
      const untilNext = level - (capacity - (remaining + 1) * token)
      return {
        remaining,
        nextMs: level === 0 ? 0 : drainMs(Math.min(untilNext, level)),
        resetMs: drainMs(level),
      }
    },
    waitMs: (numbers, at, cost) => drainMs((numbers[at] as number) + cost * token - capacity),
  }
}

function burstOf({ name, burst }: GcraRule, limit: number): number {
  const what = `burst of rule '${name}'`
  if (limit > 0) return wholeNumber(what, burst ?? limit, 1, LARGEST_LIMIT)
  if (burst === undefined || burst === 0) return 0
  throw invalid(what, burst, 'leave it out: the limit is 0, so no call ever passes')
}

/**
 * Units in which a token and the drain of a microsecond are whole numbers. Their ratio is exactly limit / window or, if that
 * would need levels larger than a double can represent, the next lower rate, less than a millionth lower. A drain of 0 means
 * that there is none.
 */
function unitsOf(limit: number, windowUs: number, burst: number): { drain: number; token: number } {
  // With limit 0 nothing is ever charged.
  if (limit === 0) return { drain: 1, token: 1 }
  const common = divisor(limit, windowUs)
  const drain = limit / common
  const token = windowUs / common
  if (burst * token <= LARGEST_LEVEL) return { drain, token }
  const largest = Math.floor(LARGEST_LEVEL / burst)
  const coarse = Math.floor((largest / windowUs) * limit)
  const rounded = Number((BigInt(coarse) * BigInt(windowUs) + BigInt(limit - 1)) / BigInt(limit))
  const tight = coarse > 0 && rounded <= largest && rounded * limit < coarse * windowUs * (1 + 1e-6)
  return tight ? { drain: coarse, token: rounded } : { drain: 0, token: 0 }
}

function exactBurst(limit: number, windowUs: number): number {
  return Math.floor(LARGEST_LEVEL / (windowUs / divisor(limit, windowUs)))
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}
