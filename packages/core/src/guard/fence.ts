import { invalid } from '../errors.ts'
import { checkOptions, checkText, wholeNumber } from '../options.ts'
import type { Keys } from '../redis/keys.ts'
import type { Fence } from './fence-types.ts'

const LONGEST_KEY = 512

/** A checked fence: the key in Redis that stores the highest token, and the token. */
export interface CheckedFence {
  readonly key: string
  readonly token: number
}

/** @throws PENKNIFE_INVALID for a wrong fence. */
export function checkFence(keys: Pick<Keys, 'guardOf'>, fence: Fence): CheckedFence {
  if (typeof fence !== 'object' || fence === null)
    throw invalid('fence', fence, "give an object: { key: 'order-17', token: held.fence }")
  checkOptions('fence', fence, ['key', 'token'])
  return {
    key: keys.guardOf('fence', 'of', checkText('fence key', fence.key, LONGEST_KEY)),
    token: wholeNumber('fence token', fence.token, 1, Number.MAX_SAFE_INTEGER),
  }
}

/** The highest token in a script's refusal "f token"; undefined for any other reply. */
export function refusedBy(reply: string): number | undefined {
  if (!reply.startsWith('f ')) return undefined
  const highest = Number(reply.slice(2))
  return Number.isSafeInteger(highest) ? highest : undefined
}
