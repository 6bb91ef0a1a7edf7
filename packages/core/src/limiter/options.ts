import { durationMs, LONGEST_DEADLINE_MS } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { type Ban, readBan } from './ban.ts'
import type { RateLimiterOptions } from './types.ts'

const OPTIONS = [
  'rules',
  'routeBy',
  'hashSubjects',
  'place',
  'whenUnavailable',
  'deadline',
  'denyCache',
  'ban',
  'countDenied',
  'reportDenied',
  'lease',
  'maxWaiters',
] as const

/** A limiter's options, checked and with defaults. Other parts of the limiter check the nested options. */
export interface LimiterSettings extends Pick<RateLimiterOptions, 'rules'> {
  readonly routeBy: string | undefined
  readonly place: NonNullable<RateLimiterOptions['place']>
  readonly hashSubjects: boolean
  readonly deadlineMs: number
  readonly maxWaiters: number
  readonly whenUnavailable: NonNullable<RateLimiterOptions['whenUnavailable']>
  readonly denyCache: NonNullable<RateLimiterOptions['denyCache']>
  readonly ban: Ban | undefined
  readonly countDenied: boolean
  readonly reportDenied: boolean
  readonly lease: RateLimiterOptions['lease']
}

/** @throws PENKNIFE_INVALID for a wrong option. */
export function readOptions(options: RateLimiterOptions): LimiterSettings {
  checkOptions('createRateLimiter', options, OPTIONS)
  const { rules, routeBy, hashSubjects = false, whenUnavailable = 'open', denyCache = true } = options
  const { place = 'spread', countDenied = false, reportDenied = true } = options
  if (typeof countDenied !== 'boolean') throw invalid('countDenied', countDenied, 'give true or false')
  if (typeof reportDenied !== 'boolean') throw invalid('reportDenied', reportDenied, 'give true or false')
  if (place !== 'spread' && place !== 'space') throw invalid('place', place, "give 'spread' or 'space'")
  if (place === 'space' && routeBy !== undefined) {
    throw invalid('routeBy', routeBy, "leave it out: with place 'space' one script charges all rules")
  }
  if (options.lease !== undefined && (options.ban !== undefined || countDenied)) {
    throw invalid(
      'lease',
      options.lease,
      'leave it out: with ban or countDenied Redis counts every denied call',
    )
  }
  if (typeof hashSubjects !== 'boolean') throw invalid('hashSubjects', hashSubjects, 'give true or false')
  return {
    rules,
    routeBy: routeBy === undefined ? undefined : checkName('routeBy', routeBy, 32),
    hashSubjects,
    place,
    deadlineMs: durationMs('deadline', options.deadline ?? 100, { max: LONGEST_DEADLINE_MS }),
    maxWaiters: wholeNumber('maxWaiters', options.maxWaiters ?? 10_000, 1, 10_000_000),
    whenUnavailable,
    denyCache,
    ban: options.ban === undefined ? undefined : readBan(options.ban),
    countDenied,
    reportDenied,
    lease: options.lease,
  }
}

/** The options that a tool needs to open the limiter: what decides where subjects are stored, and how their states are read. */
export function registeredOf({
  rules,
  routeBy,
  hashSubjects,
  place,
  ban,
  countDenied,
}: RateLimiterOptions): object {
  return { rules, routeBy, hashSubjects, place, ban, countDenied }
}
