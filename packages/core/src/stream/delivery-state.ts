/**
 * The stage of a delivery in the worker that has its lease:
 *
 *     waiting ──start──> running ──finish, fail, giveBack──> settling ──settled──> over
 *     waiting ──giveBack, postpone, deadLetter─────────────> settling
 *     running ──commit──> committing ──refuse──> running
 *                             └────────settled─────────────────────────────────────> over
 *     waiting, running ──expire────────────────────────────> expired ──settled───> over
 *     every stage before over ──lose───────────────────────────────────────────────> over
 */
export type Stage =
  /** Waits for a free place. */
  | 'waiting'
  /** Its payload is checked, or its handler was called. */
  | 'running'
  /** Its handler committed it, and Redis has not answered yet. */
  | 'committing'
  /** Its outcome is being sent to Redis. */
  | 'settling'
  /** Its lease ended by the local clock. It is being given back, and is not renewed. */
  | 'expired'
  /** Redis has the outcome, or the worker lost the entry. */
  | 'over'

/** An object with a stage. Only this file changes the stage. */
export interface Staged {
  readonly stage: Stage
}

/** The first stage of every delivery. */
export const FIRST_STAGE: Stage = 'waiting'

// The transitions. Each returns false for a delivery whose stage does not allow it; the delivery then stays in its stage.
// They compare stages instead of using a table, for speed: each entry makes three transitions.

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

/** Its handler commits it: finishes it together with other changes. */
export function commit(delivery: Staged): boolean {
  return enter(delivery, 'committing', delivery.stage === 'running')
}

/** Its commit was refused or failed; the handler decides what to do. */
export function refuse(delivery: Staged): boolean {
  return enter(delivery, 'running', delivery.stage === 'committing')
}

/** It is given back to the group. */
export function giveBack(delivery: Staged): boolean {
  return enter(delivery, 'settling', isUnsettled(delivery))
}

/** It was added with a delay. */
export function postpone(delivery: Staged): boolean {
  return enter(delivery, 'settling', delivery.stage === 'waiting')
}

/** It has no attempt left. */
export function deadLetter(delivery: Staged): boolean {
  return enter(delivery, 'settling', delivery.stage === 'waiting')
}

/** Its lease ended while Redis did not reply. */
export function expire(delivery: Staged): boolean {
  return enter(delivery, 'expired', isUnsettled(delivery))
}

/** Redis has its outcome. */
export function settled(delivery: Staged): boolean {
  const { stage } = delivery
  // Its outcome was on its way to Redis.
  return enter(delivery, 'over', stage === 'settling' || stage === 'expired' || stage === 'committing')
}

/** Another worker took it over. */
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

/** Whether the worker has the lease, as far as it knows. A renewal includes such deliveries. */
export function hasLease({ stage }: Staged): boolean {
  return stage !== 'expired' && stage !== 'over'
}
