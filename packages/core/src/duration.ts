import ms from 'ms'

import { invalid } from './errors.ts'

type Unit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w'

/** Milliseconds as a number, or text with a unit: '250ms', '1.5s', '15m', '1h', '1d', '1w'. */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`

/** The accepted range in milliseconds, both ends included. Default: 1 ms to 366 days. */
interface Bounds {
  readonly min?: number
  readonly max?: number
}

/** The longest deadline: the longest time of a timer. */
export const LONGEST_DEADLINE_MS: number = 2 ** 31 - 1

const FORM = /^\d+(\.\d+)? ?(ms|s|m|h|d|w)$/

/** The milliseconds of a duration option; `name` is its name in errors. */
export function durationMs(name: string, value: Duration, bounds: Bounds = {}): number {
  const { min = 1, max = 366 * 86_400_000 } = bounds
  if (typeof value === 'string' && !FORM.test(value)) {
    throw invalid(
      name,
      value,
      "give milliseconds as a number, or text such as '250ms', '1.5s', '15m' or '1d'",
    )
  }
  const found: unknown = typeof value === 'string' ? ms(value as ms.StringValue) : value
  if (typeof found !== 'number' || !Number.isFinite(found)) {
    throw invalid(
      name,
      value,
      "give milliseconds as a number, or text such as '250ms', '1.5s', '15m' or '1d'",
    )
  }
  if (found < min || found > max) {
    throw invalid(name, value, `give a duration from ${ms(min)} to ${ms(max)}`)
  }
  return found
}
