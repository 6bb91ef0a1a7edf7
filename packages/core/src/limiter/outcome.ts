import { badReply } from '../redis/failures.ts'
import type { Correct } from './correction.ts'
import type { SlotLease } from './leases.ts'

/**
 * The reply of Redis about the rules of a charge: for each rule 1 if it refused, else 0, then the numbers of its state. The
 * client derives everything else from them.
 */
export type RuleNumbers = readonly number[]

/** The outcome for a subject that is not blocked: every rule was checked. */
export interface Decided {
  readonly kind: 'decided'
  readonly allowed: boolean
  readonly numbers: RuleNumbers
  /** Corrects the charge. Only if the call was charged and asked for a correctable charge. */
  readonly correct?: Correct | undefined
  /** The lease of the slots that the call took, if any. */
  readonly lease?: SlotLease | undefined
}

export interface Blocked {
  readonly kind: 'blocked'
  readonly endsInUs: number
  readonly reason: string
}

/** The outcome of one script call. */
export type Outcome = Decided | Blocked

/** Decodes a block in a reply. */
export function readBlock(endsInUs: unknown, reason: unknown): Blocked {
  if (typeof endsInUs === 'number' && typeof reason === 'string') return { kind: 'blocked', endsInUs, reason }
  throw badReply('a limiter', 'a block has no end or no reason')
}
