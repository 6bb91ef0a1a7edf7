import { PenknifeError } from '../errors.ts'
import type { LimiterDecision, LimiterRuleState } from './decision-types.ts'

/**
 * Corrects a charge: charges `tokens` more or, below 0, gives them back, less the tokens that came back with time. Resolves
 * with the states of the enforced rules.
 */
export type Correct = (tokens: number) => Promise<readonly LimiterRuleState[]>

/** A decision, and the correction of its charge; undefined when nothing was charged. */
export interface Taken {
  readonly decision: LimiterDecision
  readonly correct?: Correct | undefined
}

/** A charge that may be corrected later. */
export interface CorrectableCharge {
  /** Redis' time of the charge, in microseconds. */
  readonly at: number
  /** The time of the reply, by performance.now(). */
  readonly repliedAt: number
  /** Whether each rule was charged: a shadow rule that would have denied was not. */
  readonly charged: readonly boolean[]
  /** Of leased tokens: nothing is given back if the count was set or reset since. */
  readonly leased: boolean
}

/** The argument of charge.lua to correct a charge. */
export function correctionText({ at, repliedAt, charged, leased }: CorrectableCharge): string {
  const elapsedUs = Math.max(0, Math.floor((performance.now() - repliedAt) * 1000))
  return `${at} ${elapsedUs} ${charged.map(Number).join('')}${leased ? 'l' : ''}`
}

/** The results of calls that belong together. If one failed and another was carried out, the fate of the whole is unknown. */
export async function together<Result>(calls: readonly Promise<Result>[]): Promise<Result[]> {
  const ended = await Promise.allSettled(calls)
  const done = ended.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const failures = ended.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : []))
  if (failures.length === 0) return done
  const undone = (error: unknown): boolean => error instanceof PenknifeError && error.fate === 'not-done'
  const cause = failures.find((error) => !undone(error)) ?? failures[0]
  if (done.length === 0 || !undone(cause) || !(cause instanceof PenknifeError)) throw cause
  throw new PenknifeError(cause.code, `${cause.message}; a part of the call was carried out`, {
    cause,
    fate: 'unknown',
  })
}
