import { invalid } from '@penknife/core/internal'

import type { Report } from '../warn.ts'

/**
 * The channels that `authorize` lets a client follow. Only `true` and a list of channels let anything pass; an answer
 * other than these and `false` is reported.
 */
export function allowedBy(answer: unknown, channels: readonly string[], report: Report): readonly string[] {
  if (answer === true) return channels
  if (isTexts(answer)) return channels.filter((channel) => answer.includes(channel))
  if (answer !== false) {
    report(
      invalid(
        'the answer of notifications authorize',
        answer,
        'return true, false, or the list of channels that may be followed; it counts as false',
      ),
    )
  }
  return []
}

/** The channels that a `channels` function answered; whether they can be followed is checked later. */
export function channelsOf(answer: unknown): readonly string[] {
  if (isTexts(answer)) return answer
  throw invalid('the answer of notifications channels', answer, 'return a list of channels')
}

/** The user that a `user` function named; undefined for nobody. */
export function userOf(answer: unknown): string | undefined {
  if (answer === undefined || typeof answer === 'string') return answer
  throw invalid('the answer of notifications user', answer, 'return text, or undefined for nobody')
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
