import { types } from 'node:util'

import { isPromiseLike } from '../callbacks.ts'
import type { WorkerBatchHandler } from './worker-types.ts'

/** Calls a batch handler. Waits for each promise in the list that it returns. */
export function callBatch<T>(handler: WorkerBatchHandler<T>): WorkerBatchHandler<T> {
  return (deliveries) => {
    const outcome = handler(deliveries)
    return isPromiseLike(outcome) ? outcome.then(settleEach) : settleEach(outcome)
  }
}

function settleEach(outcome: unknown): unknown {
  if (!Array.isArray(outcome) || !outcome.some(isPromiseLike)) return outcome
  return Promise.all(outcome.map((each) => (isPromiseLike(each) ? each.then(undefined, rejected) : each)))
}

function rejected(reason: unknown): PromiseRejectedResult {
  return { status: 'rejected', reason }
}

/**
 * The error of the entry at an index of a batch handler's result; undefined when the entry is finished. A list may contain Errors and
 * results of Promise.allSettled.
 */
export function errorAt(outcome: unknown, at: number): unknown {
  if (!Array.isArray(outcome)) return undefined
  const result: unknown = outcome[at]
  if (isError(result)) return result
  if (typeof result !== 'object' || result === null || !('status' in result)) return undefined
  if (result.status === 'rejected' && 'reason' in result) {
    return result.reason ?? new Error('rejected without a reason')
  }
  return result.status === 'fulfilled' && 'value' in result && isError(result.value)
    ? result.value
    : undefined
}

/** The result of the entry at an index of a batch handler's list. */
export function resultAt(outcome: unknown, at: number): unknown {
  if (!Array.isArray(outcome)) return undefined
  const result: unknown = outcome[at]
  const settled = typeof result === 'object' && result !== null && 'status' in result && 'value' in result
  return settled && result.status === 'fulfilled' ? result.value : result
}

/** Also true for errors of another realm, as in a test runner. */
function isError(value: unknown): boolean {
  return value instanceof Error || types.isNativeError(value)
}
