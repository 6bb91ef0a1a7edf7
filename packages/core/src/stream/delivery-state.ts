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

/** Something with a stage. Only this file writes it. */
export interface Staged {
  readonly stage: Stage
}

/** Where every delivery begins. */
export const FIRST_STAGE: Stage = 'waiting'

// The transitions. Each returns false for a delivery whose stage does not allow it; the delivery then stays in its stage.
// They compare stages instead of looking into a table, which would be noticed: each entry makes three of them.

/** Before its handler is called. */
export function start(delivery: Staged): boolean {
  return enter(delivery, 'running', delivery.stage === 'waiting')
}

/** Its handler succeeded. */
export function finish(delivery: Staged): boolean {
  return enter(delivery, 'settling', delivery.stage === 'running')
}

/** Its handler failed, or its payload was refused. */
export function fail(delivery: Staged): boolean {
  return enter(delivery, 'settling', delivery.stage === 'running')
}

/** It is for any worker to handle. */
export function giveBack(delivery: Staged): boolean {
  return enter(delivery, 'settling', isUnsettled(delivery))
}

/** It was added with a delay. */
export function postpone(delivery: Staged): boolean {
  return enter(delivery, 'settling', delivery.stage === 'waiting')
}

/** It has no attempt left. */
export function bury(delivery: Staged): boolean {
  return enter(delivery, 'settling', delivery.stage === 'waiting')
}

/** Its lease ended, and Redis could not be asked. */
export function expire(delivery: Staged): boolean {
  return enter(delivery, 'expired', isUnsettled(delivery))
}

/** Redis has its outcome. */
export function settled(delivery: Staged): boolean {
  return enter(delivery, 'over', delivery.stage === 'settling' || delivery.stage === 'expired')
}

/** Another worker has it. */
export function lose(delivery: Staged): boolean {
  return enter(delivery, 'over', delivery.stage !== 'over')
}

function enter(delivery: Staged, stage: Stage, allowed: boolean): boolean {
  if (allowed) (delivery as { stage: Stage }).stage = stage
  return allowed
}

/** Whether the worker still has to decide how the delivery ends. */
export function isUnsettled({ stage }: Staged): boolean {
  return stage === 'waiting' || stage === 'running'
}

/** Whether the worker has the lease, as far as it knows: a renewal includes these. */
export function hasLease({ stage }: Staged): boolean {
  return stage !== 'expired' && stage !== 'over'
}
