/**
 * How a session's events reach its client:
 *
 * - 'opening': its transport is not open yet; events wait in memory, up to a bound
 * - 'live': each event is written to its transport
 * - 'in group': each event is written to the group of its channel
 * - 'behind': the client has too many unsent bytes; further events wait in the history
 * - 'closed': no events
 */
export type SessionState = 'opening' | 'live' | 'in group' | 'behind' | 'closed'

export type SessionChange = 'open' | 'join group' | 'leave group' | 'fall behind' | 'drain' | 'close'

/** All changes of state. A change that is not listed has no effect. */
const CHANGES: Readonly<Record<SessionChange, Readonly<Partial<Record<SessionState, SessionState>>>>> = {
  open: { opening: 'live' },
  'join group': { live: 'in group' },
  'leave group': { 'in group': 'live' },
  'fall behind': { live: 'behind' },
  drain: { behind: 'live' },
  close: { opening: 'closed', live: 'closed', 'in group': 'closed', behind: 'closed' },
}

/** The state after a change; undefined when the change has no effect. */
export function stateAfter(state: SessionState, change: SessionChange): SessionState | undefined {
  return CHANGES[change][state]
}
