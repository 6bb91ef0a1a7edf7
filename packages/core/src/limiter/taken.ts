import { PenknifeError } from '../errors.ts'
import { statesOf } from './decide.ts'
import type { Charge, Charged, Outcome } from './plan.ts'
import type { Decision, RuleState, Subject } from './types.ts'

/** A decision, and how what it charged is corrected later. */
export interface Taken {
  readonly decision: Decision
  /**
   * Charges so many tokens more, or with fewer than 0 gives them back, less what time has given back since the charge.
   * Missing where nothing was charged.
   */
  readonly correct?: ((tokens: number) => Promise<readonly RuleState[]>) | undefined
}

/** The correction of what an outcome charged; undefined when it charged nothing or its time is not known. */
export function correctionOf(charge: Charge, subject: Subject, outcome: Outcome): Taken['correct'] {
  if (outcome.kind !== 'decided' || !outcome.allowed || outcome.at === undefined) return undefined
  const { at, told } = outcome
  let place = 0
  const rules = charge.rules.map(({ tells }) => {
    const charged = told[place] !== 1
    place += 1 + tells
    return charged
  })
  const charged: Charged = { at, answeredAt: performance.now(), rules }
  return (tokens) => add(charge, subject, tokens, charged)
}

/** Charges tokens, or fewer than 0 to give them back, without asking. */
export async function add(
  charge: Charge,
  subject: Subject,
  tokens: number,
  charged?: Charged,
): Promise<readonly RuleState[]> {
  const outcome = await charge.add(subject, tokens, charged)
  return outcome.kind === 'decided' ? statesOf(charge.rules, outcome.told) : []
}

/** The results of calls that belong together. When one failed and another was done, the fate of the whole is unknown. */
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
