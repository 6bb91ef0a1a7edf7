import { isPromiseLike } from '../callbacks.ts'
import { type Duration, durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkName, checkOptions, checkText, wholeNumber } from '../options.ts'
import { PAGE } from './fan-out/read-on.ts'
import type { NotifierPublishOptions } from './options.ts'
import { checkPosition } from './position.ts'
import type { NotifierAdmitOptions } from './rights/types.ts'
import type {
  NotifierFollowOptions,
  NotifierListenOptions,
  NotifierSubscribeOptions,
} from './subscription-types.ts'
import type { NotifierHistoryOptions } from './types.ts'

const LONGEST_CHANNEL = 128
const MOST_CHANNELS = 1000
const MOST_PATTERNS = 100
const LONGEST_ID = 128
const MOST_TYPES = 100

/**
 * Checks the name of a channel.
 *
 * @param option the name of the option, for the error
 * @throws PENKNIFE_INVALID
 */
export function checkChannel(channel: string, option = 'channel'): void {
  checkText(option, channel, LONGEST_CHANNEL)
  if (channel.includes('*')) {
    throw invalid(option, channel, "give a name without '*': patterns are for nudges only, with listen")
  }
}

export function checkChannels(channels: readonly string[]): void {
  if (!Array.isArray(channels) || channels.length === 0 || channels.length > MOST_CHANNELS) {
    throw invalid('channels', channels, `give a list of 1 to ${MOST_CHANNELS} channels`)
  }
  for (const channel of channels) checkChannel(channel)
}

export function checkListen(patterns: readonly string[], options: NotifierListenOptions): void {
  if (!Array.isArray(patterns) || patterns.length === 0 || patterns.length > MOST_PATTERNS) {
    throw invalid('patterns', patterns, `give a list of 1 to ${MOST_PATTERNS} patterns`)
  }
  for (const pattern of patterns) checkText('pattern', pattern, LONGEST_CHANNEL)
  checkOptions('listen', options, ['onEvent'])
  checkListener(options.onEvent)
}

export function checkListener(onEvent: unknown): void {
  if (typeof onEvent !== 'function') throw invalid('onEvent', onEvent, 'give a function')
}

export const LONGEST_USER = 256
const MOST_REVOKED = 100
/** The scripts read this many members at once. */
const MOST_CONNECTIONS = 100

export function checkUser(user: string): void {
  checkText('user', user, LONGEST_USER)
}

export function checkRevoked(channels: readonly string[]): void {
  if (!Array.isArray(channels) || channels.length === 0 || channels.length > MOST_REVOKED) {
    const fix = `give a list of 1 to ${MOST_REVOKED} channels, or leave it out for all channels of the user`
    throw invalid('channels', channels, fix)
  }
  for (const channel of channels) checkChannel(channel)
}

export function checkMost(most: number): number {
  return wholeNumber('most', most, 1, MOST_CONNECTIONS)
}

export function checkAdmit(options: NotifierAdmitOptions): void {
  checkOptions('admit', options, ['onRevoked', 'onEnd'])
  for (const name of ['onRevoked', 'onEnd'] as const) {
    if (typeof options[name] !== 'function') throw invalid(name, options[name], 'give a function')
  }
}

/** Publish options in the form of the script's arguments. */
export interface Published {
  readonly type: string
  readonly id: string | undefined
  /** Empty for none. */
  readonly coalesce: string
  /** 0: no limit. */
  readonly lastsMs: number
}

const PUBLISH: readonly (keyof NotifierPublishOptions)[] = ['type', 'id', 'ttl', 'coalesce']
const COALESCE = /^[\w.:-]{1,64}$/

export function checkPublish(
  options: NotifierPublishOptions,
  known: readonly (keyof NotifierPublishOptions)[] = PUBLISH,
): Published {
  checkOptions('publish', options, known)
  const { type = 'message', id, ttl, coalesce } = options
  if (id !== undefined) checkText('id', id, LONGEST_ID)
  if (coalesce !== undefined && (typeof coalesce !== 'string' || !COALESCE.test(coalesce))) {
    throw invalid('coalesce', coalesce, 'give 1 to 64 of the characters A-Z a-z 0-9 _ . : -')
  }
  return {
    type: checkName('type', type),
    id,
    coalesce: coalesce ?? '',
    lastsMs: ttl === undefined ? 0 : wholeMs('ttl', ttl, 1),
  }
}

/** Redis takes whole milliseconds. */
export function wholeMs(name: string, value: Duration, min: number): number {
  return Math.ceil(durationMs(name, value, { min }))
}

/** Checked options of a subscription, as followers use them. */
export interface Followed {
  readonly from: Readonly<Record<string, string>>
  readonly types: ReadonlySet<string> | undefined
  readonly getState: NotifierFollowOptions['getState']
}

export function checkFollow(channels: readonly string[], options: NotifierFollowOptions): Followed {
  const { from = {}, types, getState } = options
  checkChannels(channels)
  if (typeof from !== 'object' || from === null || Array.isArray(from) || isPromiseLike(from)) {
    throw invalid('from', from, "give an object of channels and ids, such as { 'room:1': id }")
  }
  for (const [channel, cursor] of Object.entries(from)) checkPosition(`from['${channel}']`, cursor)
  if (types !== undefined && (!Array.isArray(types) || types.length === 0 || types.length > MOST_TYPES)) {
    throw invalid('types', types, `give a list of 1 to ${MOST_TYPES} types`)
  }
  for (const type of types ?? []) checkName('type', type)
  if (getState !== undefined && typeof getState !== 'function') {
    throw invalid('getState', getState, 'give a function of the channel')
  }
  return { from, types: types && new Set(types), getState }
}

/** The audience of a subscription. */
export type Shared = Pick<NotifierSubscribeOptions, 'audience' | 'onAudience'>

export function checkShared(channels: readonly string[], options: NotifierSubscribeOptions): Shared {
  const { audience, onAudience, types } = options
  if (audience === undefined) return {}
  if (typeof audience?.onEvent !== 'function') {
    throw invalid('audience', audience, 'give an object with the function onEvent')
  }
  if (channels.length > 1 || types !== undefined) {
    throw invalid('audience', audience, 'give it to a subscription of one channel, without types')
  }
  if (typeof onAudience !== 'function') throw invalid('onAudience', onAudience, 'give a function')
  return { audience, onAudience }
}

export function checkHistory(
  channel: string,
  options: NotifierHistoryOptions,
): { readonly after: string; readonly limit: number } {
  checkChannel(channel)
  checkOptions('history', options, ['after', 'limit'])
  return {
    after: checkPosition('after', options.after ?? '-'),
    limit: wholeNumber('limit', options.limit ?? 100, 1, PAGE),
  }
}
