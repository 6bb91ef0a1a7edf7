import { PenknifeError } from '@penknife/core'

/** Whether Redis could not be reached, so that a later attempt may succeed. */
export function isOutage(error: unknown): boolean {
  return error instanceof PenknifeError && error.code !== 'PENKNIFE_REJECTED'
}

/** Whether a name was wrong. */
export function isInvalid(error: unknown): error is PenknifeError {
  return error instanceof PenknifeError && error.code === 'PENKNIFE_INVALID'
}
