import { createHash } from 'node:crypto'

import { type Duration, durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkName, wholeNumber } from '../options.ts'
import type { LimiterRule, LimiterRuleInfo } from './rule-types.ts'

/** A checked rule, and the encoding of its numbers for the scripts (lua/limiter/charge.lua). */
export interface KnownRule extends LimiterRuleInfo {
  readonly shadow: boolean
  readonly per: string | undefined
  /** The algorithm in lua/limiter/charge.lua. */
  readonly letter: 'g' | 'f' | 'c' | 'w' | 'l' | 's'
  /** Identifies its state among those of a subject. It depends on the name and algorithm only, not on the rule's numbers. */
  readonly id: number
  /** The most tokens of one call; Infinity when the cost does not matter. */
  readonly most: number
  /** The script's parameters at the time `nowMs`: up to four whole numbers. */
  parameters(nowMs: number): readonly number[]
  /** How many numbers the script replies of the rule's state. */
  readonly stateSize: number
  /** Decodes those numbers; they start at `at` of `numbers`. */
  amounts(numbers: readonly number[], at: number): Amounts
  /** Milliseconds until `cost` tokens can be taken, for a rule that refused them; rounded up. */
  waitMs(numbers: readonly number[], at: number, cost: number): number
}

export interface Amounts {
  readonly remaining: number
  readonly nextMs: number
  readonly resetMs: number
}

/** The fields that the rules of every algorithm have. */
export interface RuleHead {
  readonly name: string
  readonly shadow: boolean
  readonly per: string | undefined
}

export function ruleHead(rule: LimiterRule): RuleHead {
  const name = checkName('rule name', rule.name, 32)
  const { shadow = false } = rule
  if (typeof shadow !== 'boolean') throw invalid(`shadow of rule '${name}'`, shadow, 'give true or false')
  const per = rule.per === undefined ? undefined : checkName(`per of rule '${name}'`, rule.per, 32)
  return { name, shadow, per }
}

/** The options of every rule, whatever its algorithm. */
export const COMMON_OPTIONS = ['name', 'algorithm', 'limit', 'shadow', 'per'] as const

export const LARGEST_LIMIT = 1_000_000_000

export function limitOf(rule: LimiterRule, most: number = LARGEST_LIMIT): number {
  return wholeNumber(`limit of rule '${rule.name}'`, rule.limit, 0, most)
}

/** Whether a rule has limit 0: it always denies every call that costs something. */
export function isClosed({ limit }: Pick<LimiterRuleInfo, 'limit'>): boolean {
  return limit === 0
}

/** The properties of a rule with limit 0 that differ. */
export const CLOSED: Pick<KnownRule, 'most' | 'amounts' | 'waitMs'> = {
  // No cost is an error: the call is denied.
  most: Infinity,
  amounts: () => ({ remaining: 0, nextMs: Infinity, resetMs: Infinity }),
  waitMs: () => Infinity,
}

/** A duration of a rule in whole microseconds. */
export function microseconds(option: string, rule: LimiterRule, value: Duration): number {
  const what = `${option} of rule '${rule.name}'`
  const ms = durationMs(what, value)
  if (typeof value === 'number' && value < 1000) {
    const fix = `give '${value}s' or '${value}ms', whichever you mean: a bare number is milliseconds`
    throw invalid(what, value, fix)
  }
  const us = Math.round(ms * 1000)
  if (Math.abs(us - ms * 1000) > 1e-6) throw invalid(what, value, 'give a whole number of microseconds')
  return us
}

export function stateId(letter: string, name: string): number {
  // 48 bits, exact in a double; 0 marks a block.
  return createHash('sha256').update(`${letter} ${name}`).digest().readUIntBE(0, 6) || 1
}

/** Microseconds as milliseconds, rounded up, so that a wait is never too short. */
export function msUp(us: number): number {
  return Math.ceil(us / 1000)
}
