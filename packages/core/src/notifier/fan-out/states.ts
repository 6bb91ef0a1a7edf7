/**
 * How a follower handles the live events of its channel:
 *
 * - 'reading history': buffers them until it has read up to them
 * - 'live': delivers them as they arrive
 * - 'in group': ignores them, because its group delivers them to the audience
 * - 'paused': ignores them; they wait in the history
 * - 'closed': ignores them, for good
 */
export type FollowerState = 'reading history' | 'live' | 'in group' | 'paused' | 'closed'

/** The changes of a follower's state. */
export type FollowerChange = 'miss' | 'catch up' | 'join' | 'pause' | 'resume' | 'close'

/** All changes of state. A change that is not listed has no effect: a paused follower that is paused again stays paused. */
const CHANGES: Readonly<Record<FollowerChange, Readonly<Partial<Record<FollowerState, FollowerState>>>>> = {
  // Events may have been missed: a gap, an interruption, or a check that found a newer end.
  miss: { live: 'reading history' },
  // Everything up to the end of the history was delivered.
  'catch up': { 'reading history': 'live' },
  join: { live: 'in group' },
  pause: { 'reading history': 'paused', live: 'paused', 'in group': 'paused' },
  resume: { paused: 'reading history' },
  close: { 'reading history': 'closed', live: 'closed', 'in group': 'closed', paused: 'closed' },
}

/** The state after a change; undefined when the change has no effect. */
export function stateAfter(state: FollowerState, change: FollowerChange): FollowerState | undefined {
  return CHANGES[change][state]
}
