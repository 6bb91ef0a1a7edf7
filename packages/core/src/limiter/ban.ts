import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import type { Topic } from '../events.ts'
import { checkOptions, checkText, wholeNumber } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import type { LimiterBannedEvent, LimiterBanOptions } from './ban-types.ts'
import type { LimiterDecision } from './decision-types.ts'
import { type KnownRule, msUp } from './rule.ts'
import type { LimiterSubject } from './types.ts'

/** Ban options, checked and with defaults. */
export interface Ban {
  /** The numbers for lua/_lib/limiter/banning.lua. */
  readonly numbers: string
  readonly reason: string
  readonly shadow: boolean
  /** As readable text, for the limiter's declaration. */
  readonly text: string
}

/** A ban that begins, or one in shadow that has not ended. */
export interface BanReport {
  /** The number of the state, from 1. */
  readonly state: number
  readonly begins: boolean
  readonly ban: number
  readonly endsInUs: number
}

const OPTIONS = ['denials', 'within', 'duration', 'factor', 'max', 'forgetAfter', 'reason', 'shadow'] as const

const DAY_MS = 86_400_000
const YEAR_MS = 366 * DAY_MS
/** The reason is stored with the number of the ban, in the 256 characters of every reason. */
const LONGEST_REASON = 200

/** @throws PENKNIFE_INVALID for a wrong option. */
export function readBan(options: LimiterBanOptions): Ban {
  checkOptions('ban', options, OPTIONS)
  const { factor = 2, shadow = false, reason = 'too many denied calls' } = options
  const denials = wholeNumber('ban.denials', options.denials, 1, 10_000)
  const withinMs = durationMs('ban.within', options.within, { max: YEAR_MS })
  const firstMs = durationMs('ban.duration', options.duration, { max: YEAR_MS })
  const maxMs = durationMs('ban.max', options.max ?? Math.max(DAY_MS, firstMs), { max: YEAR_MS })
  const quietMs = durationMs('ban.forgetAfter', options.forgetAfter ?? maxMs, { max: YEAR_MS })
  if (typeof factor !== 'number' || !(factor >= 1 && factor <= 100)) {
    throw invalid('ban.factor', factor, 'give a number from 1 to 100')
  }
  if (maxMs < firstMs)
    throw invalid('ban.max', options.max, "give at least the 'duration' of the first ban, or leave it out")
  if (typeof shadow !== 'boolean') throw invalid('ban.shadow', shadow, 'give true or false')
  const us = (ms: number): number => Math.ceil(ms * 1000)
  return {
    numbers: [
      denials,
      us(withinMs),
      us(firstMs),
      factor.toFixed(6),
      us(maxMs),
      us(quietMs),
      shadow ? 1 : 0,
    ].join(' '),
    reason: checkText('ban.reason', reason, LONGEST_REASON),
    shadow,
    text: `ban${shadow ? ' in shadow' : ''} after ${denials} denials in ${withinMs} ms for ${firstMs} ms, times ${factor} up to ${maxMs} ms, forgotten after ${quietMs} ms`,
  }
}

/** The argument of charge.lua with a ban. `parts` are those of the states, in order. */
export function banText(
  { numbers, reason }: Ban,
  how: 'take' | 'try',
  rules: readonly KnownRule[],
  parts: readonly (string | undefined)[],
): string {
  const owners = rules.map(({ per }) => parts.indexOf(per) + 1)
  return `ban ${how},${numbers},${owners.join(' ')},${reason}`
}

/** Decodes the numbers about bans at the end of a reply. */
export function readBans(reply: readonly unknown[], from: number): BanReport[] {
  const reports: BanReport[] = []
  for (let at = from; at < reply.length; at += 4) {
    const [state, begins, ban, endsInUs] = reply.slice(at, at + 4)
    if (![state, begins, ban, endsInUs].every((number) => typeof number === 'number'))
      throw badReply('limiter/charge', 'a ban is not four numbers')
    reports.push({
      state: state as number,
      begins: begins === 1,
      ban: ban as number,
      endsInUs: endsInUs as number,
    })
  }
  return reports
}

/** Reports bans that begin, and adds a ban in shadow to the decision. */
export type OnBans = (
  subject: LimiterSubject,
  decision: LimiterDecision,
  bans: readonly BanReport[],
  rules: readonly KnownRule[],
) => LimiterDecision

export function createOnBans(
  { reason, shadow }: Ban,
  about: { readonly space: string; readonly name: string },
  topic: Topic<LimiterBannedEvent>,
): OnBans {
  return (subject, decision, bans, rules) => {
    const parts = [...new Set(rules.map((rule) => rule.per))]
    for (const { state, begins, ban, endsInUs } of bans) {
      if (!begins || !topic.observed) continue
      const per = parts[state - 1]
      topic.emit({ kind: 'banned', ...about, subject, per, ban, endsInMs: msUp(endsInUs), reason, shadow })
    }
    if (!shadow) return decision
    const last = bans.reduce((a, b) => (b.endsInUs > a.endsInUs ? b : a))
    return { ...decision, shadowBan: { reason, endsInMs: msUp(last.endsInUs), ban: last.ban } }
  }
}
