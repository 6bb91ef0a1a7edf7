import { type Duration, durationMs, LONGEST_DEADLINE_MS } from './duration.ts'
import { checkOptions } from './options.ts'

/**
 * The deadline that a caller gave to `close`, in milliseconds.
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function closeDeadlineMs(
  given: { readonly deadline?: Duration | undefined },
  defaultMs: number,
): number {
  checkOptions('close', given, ['deadline'])
  return durationMs('deadline', given.deadline ?? defaultMs, { min: 0, max: LONGEST_DEADLINE_MS })
}
