import { AsyncResource } from 'node:async_hooks'

/** Gives every handler the async context (AsyncLocalStorage) in which its worker was created. */
export interface HandlerContext {
  /** Runs the worker's own code in that context, not in that of the caller. */
  run(work: () => void): void
  /** Calls a handler. What it enters ends with its call. */
  call<Deliveries>(handle: (deliveries: Deliveries) => unknown, deliveries: Deliveries): unknown
}

/**
 * In Node up to 22, `enterWith` writes to the resource in which a handler is called. A new resource for each call would cost a tenth of a
 * delivery, so calls share one until a handler has written to it.
 */
export function createHandlerContext(): HandlerContext {
  const own = new AsyncResource('PenknifeWorker')
  const create = (): AsyncResource => new AsyncResource('PenknifeHandler')
  let shared = own.runInAsyncScope(create)
  const { length } = Object.getOwnPropertySymbols(shared)
  /** The context is not empty. A change by a handler would not be noticed then. */
  const hasStores = Object.getOwnPropertySymbols(shared).some(
    ({ description }) => description === 'kResourceStore',
  )
  return {
    run: (work) => own.runInAsyncScope(work),
    call(handle, deliveries) {
      if (hasStores) return own.runInAsyncScope(create).runInAsyncScope(handle, undefined, deliveries)
      try {
        return shared.runInAsyncScope(handle, undefined, deliveries)
      } finally {
        if (Object.getOwnPropertySymbols(shared).length !== length) shared = own.runInAsyncScope(create)
      }
    },
  }
}
