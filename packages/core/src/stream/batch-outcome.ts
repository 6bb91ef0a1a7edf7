import { types } from 'node:util'

import { isPromiseLike } from '../callbacks.ts'
import type { WorkerBatchHandler } from './types.ts'

/** Calls a batch handler; promises in the list that it answers with are waited for, each by itself. */
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
 * What a batch handler's answer says of the entry at a place: an error, or undefined when it is finished. A list may hold
 * Errors, and what Promise.allSettled answers.
 */
export function errorAt(outcome: unknown, at: number): unknown {
  if (!Array.isArray(outcome)) return undefined
  const said: unknown = outcome[at]
  if (isError(said)) return said
  if (typeof said !== 'object' || said === null || !('status' in said)) return undefined
  if (said.status === 'rejected' && 'reason' in said) {
    return said.reason ?? new Error('rejected without a reason')
  }
  return said.status === 'fulfilled' && 'value' in said && isError(said.value) ? said.value : undefined
}

/** Also of another realm, as in a test runner. */
function isError(value: unknown): boolean {
  return value instanceof Error || types.isNativeError(value)
}
