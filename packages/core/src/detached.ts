import { AsyncResource } from 'node:async_hooks'

/** Has the async context in which this module was loaded, which is usually that of no request. */
const loaded = new AsyncResource('Penknife')

/**
 * Runs a function outside the async context (AsyncLocalStorage) of the caller. What it starts, such as timers, connections and loops, does not keep
 * the request or span of the caller.
 */
export function detached<Result>(run: () => Result): Result {
  return loaded.runInAsyncScope(run)
}
