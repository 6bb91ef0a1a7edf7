/**
 * The stage of a delivery in the worker that has its lease:
 *
 *     waiting ──start──> running ──finish, fail, giveBack──> settling ──settled──> over
 *     waiting ──giveBack, postpone, bury───────────────────> settling
 *     waiting, running ──expire────────────────────────────> expired ──settled───> over
 *     every stage before over ──lose───────────────────────────────────────────────> over
 */
export type Stage =
  /** For a free place. */
  | 'waiting'
  /** Its payload is checked, or its handler was called. */
  | 'running'
  /** Its outcome is on the way to Redis. */
  | 'settling'
  /** Its lease ended by the local clock. It is on the way back to Redis, and nothing renews it. */
  | 'expired'
  /** Redis has the outcome, or the worker lost the entry. */
  | 'over'

export type Transition =
  | 'start'
  | 'finish'
  | 'fail'
  | 'giveBack'
  /** It was added with a delay. */
  | 'postpone'
  /** It has no attempt left. */
  | 'bury'
  | 'expire'
  /** Redis has the outcome. */
  | 'settled'
  | 'lose'

/** The stages in which each transition is allowed, and the stage that follows. */
const TRANSITIONS: {
  readonly [Name in Transition]: { readonly from: readonly Stage[]; readonly to: Stage }
} = {
  start: { from: ['waiting'], to: 'running' },
  finish: { from: ['running'], to: 'settling' },
  fail: { from: ['running'], to: 'settling' },
  giveBack: { from: ['waiting', 'running'], to: 'settling' },
  postpone: { from: ['waiting'], to: 'settling' },
  bury: { from: ['waiting'], to: 'settling' },
  expire: { from: ['waiting', 'running'], to: 'expired' },
  settled: { from: ['settling', 'expired'], to: 'over' },
  lose: { from: ['waiting', 'running', 'settling', 'expired'], to: 'over' },
}

/** Something with a stage. Only `transition` writes it. */
export interface Staged {
  readonly stage: Stage
}

/** Where every delivery begins. */
export const FIRST_STAGE: Stage = 'waiting'

/** Makes a transition; false when the delivery is in a stage that does not allow it, and stays there. */
export function transition(delivery: Staged, name: Transition): boolean {
  const { from, to } = TRANSITIONS[name]
  if (!from.includes(delivery.stage)) return false
  ;(delivery as { stage: Stage }).stage = to
  return true
}

/** Whether the worker still has to decide how the delivery ends. */
export function isUnsettled({ stage }: Staged): boolean {
  return stage === 'waiting' || stage === 'running'
}

/** Whether the worker has the lease, as far as it knows: a renewal includes these. */
export function hasLease({ stage }: Staged): boolean {
  return stage !== 'expired' && stage !== 'over'
}
