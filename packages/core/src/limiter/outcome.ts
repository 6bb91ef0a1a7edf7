import { badReply } from '../redis/failures.ts'
import type { Correct } from './correction.ts'
import type { Lease } from './decision-types.ts'

/**
 * What Redis replied about the rules of a charge: for each rule 1 if it refused, else 0, then the numbers of its state, from
 * which the client derives everything else.
 */
export type RuleNumbers = readonly number[]

/** A subject that is not blocked: every rule was looked at. */
export interface Decided {
  readonly kind: 'decided'
  readonly allowed: boolean
  readonly numbers: RuleNumbers
  /** Corrects what was charged; only if the call asked for it and was charged. */
  readonly correct?: Correct | undefined
  /** The slots that the call got, if it got any. */
  readonly lease?: Lease | undefined
}

export interface Blocked {
  readonly kind: 'blocked'
  readonly endsInUs: number
  readonly reason: string
}

/** What one script call did with a subject. */
export type Outcome = Decided | Blocked

/** A block as a script replied it. */
export function readBlock(endsInUs: unknown, reason: unknown): Blocked {
  if (typeof endsInUs === 'number' && typeof reason === 'string') return { kind: 'blocked', endsInUs, reason }
  throw badReply('a limiter', 'a block without an end or a reason')
}
