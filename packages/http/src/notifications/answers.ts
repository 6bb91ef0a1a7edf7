import { invalid } from '@penknife/core/internal'

import type { Report } from '../warn.ts'

/**
 * The channels that a client may follow, by the result of `authorize`. Only `true` and a list of channels allow any. Another
 * value than these and `false` is reported.
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

/** Checks that a `channels` function returned a list of text. The names are checked later. */
export function channelsOf(answer: unknown): readonly string[] {
  if (isTexts(answer)) return answer
  throw invalid('the answer of notifications channels', answer, 'return a list of channels')
}

/** Checks the result of a `user` function. Undefined: no user. */
export function userOf(answer: unknown): string | undefined {
  if (answer === undefined || typeof answer === 'string') return answer
  throw invalid('the answer of notifications user', answer, 'return text, or undefined for no user')
}

/** The types of events for a client. Undefined: all. */
export function typesOf(answer: unknown): readonly string[] | undefined {
  if (answer === undefined || (isTexts(answer) && answer.length > 0)) return answer
  throw invalid('the answer of notifications types', answer, 'return a list of types, or undefined for all')
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
