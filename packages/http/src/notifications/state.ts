import { invalid, isPromiseLike } from '@penknife/core/internal'

import type { NotificationsOptions } from './options.ts'

/** The checked options for clients that begin without a position. */
export interface Beginnings {
  readonly getState: ((channel: string) => unknown) | undefined
  readonly start: 'next' | 'oldest'
}

/** @throws PENKNIFE_INVALID */
export function beginningsOf(
  name: string,
  { getState, start = 'next' }: Pick<NotificationsOptions, 'getState' | 'start'>,
): Beginnings {
  if (getState !== undefined && typeof getState !== 'function') {
    throw invalid(`${name} getState`, getState, 'give a function of the channel')
  }
  if (start !== 'next' && start !== 'oldest') {
    throw invalid(`${name} start`, start, "give 'next' or 'oldest'")
  }
  if (getState && start === 'oldest') {
    throw invalid(`${name} start`, start, 'leave it out: with getState a client begins with the state')
  }
  return { getState: getState && ((channel) => sendable(getState(channel))), start }
}

/** A state that JSON cannot represent is an error where it is loaded, not where it is sent. */
function sendable(state: unknown): unknown {
  if (isPromiseLike(state)) return state.then(sendable)
  JSON.stringify(state)
  return state ?? null
}
