import { badReply } from '../redis/failures.ts'
import type { BanReport } from './ban.ts'
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
  readonly bans?: readonly BanReport[] | undefined
}

export interface Blocked {
  readonly kind: 'blocked'
  readonly endsInUs: number
  readonly reason: string
  /** The number of a ban. */
  readonly ban?: number | undefined
  readonly bans?: readonly BanReport[] | undefined
}

/** The outcome of one script call. */
export type Outcome = Decided | Blocked

/** Decodes a block in a reply. The reason of a ban starts with byte 0 and the ban's number, see lua/_lib/limiter/banning.lua. */
export function readBlock(endsInUs: unknown, reason: unknown): Blocked {
  if (typeof endsInUs === 'number' && typeof reason === 'string') {
    if (!reason.startsWith('\0')) return { kind: 'blocked', endsInUs, reason }
    const space = reason.indexOf(' ')
    return { kind: 'blocked', endsInUs, reason: reason.slice(space + 1), ban: Number(reason.slice(1, space)) }
  }
  throw badReply('a limiter', 'a block has no end or no reason')
}
