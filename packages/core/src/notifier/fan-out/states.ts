/**
 * What a follower does with the live events of its channel:
 *
 * - 'reading history': keeps them, until they join what it reads
 * - 'live': delivers them as they arrive
 * - 'in group': nothing, because its group delivers them to the audience
 * - 'paused': neither delivers nor keeps them; they wait in the history
 * - 'closed': the same, for good
 */
export type FollowerState = 'reading history' | 'live' | 'in group' | 'paused' | 'closed'

/** What happens to a follower. */
export type FollowerChange = 'miss' | 'catch up' | 'join' | 'pause' | 'resume' | 'close'

/** All changes of state. What is not listed changes nothing: a paused follower that is paused again stays paused, for example. */
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

/** The state after a change; undefined when it changes nothing. */
export function stateAfter(state: FollowerState, change: FollowerChange): FollowerState | undefined {
  return CHANGES[change][state]
}
