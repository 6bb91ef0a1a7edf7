import { AsyncResource } from 'node:async_hooks'

/** Gives every handler the async context (AsyncLocalStorage) in which its worker was created. */
export interface HandlerContext {
  /** Runs the worker's own code in that context, not in that of the caller. */
  run(work: () => void): void
  /** Calls a handler, in that context. What it enters ends with its call. */
  call<Deliveries>(handle: (deliveries: Deliveries) => unknown, deliveries: Deliveries): unknown
}

/** Up to Node 22, `enterWith` writes to the resource in which a handler is called, so it can be noticed. */
const WRITES_TO_RESOURCE = Number(process.versions.node.split('.', 1)[0]) < 24

/**
 * A resource for each call would cost a tenth of a delivery. So handlers are called in the worker's own one until the first of them enters
 * another context, and in one of their own from then on.
 */
export function createHandlerContext(): HandlerContext {
  const pristine = new AsyncResource('PenknifeWorker')
  const create = (): AsyncResource => new AsyncResource('PenknifeHandler')
  const fresh = (): AsyncResource => pristine.runInAsyncScope(create)
  let own = fresh()
  const { length } = Object.getOwnPropertySymbols(own)
  /** Where the context is not empty, a change of it would not be noticed. */
  const hasStores = Object.getOwnPropertySymbols(own).some(
    ({ description }) => description === 'kResourceStore',
  )
  let apart = hasStores || !WRITES_TO_RESOURCE

  function check(): void {
    if (apart || Object.getOwnPropertySymbols(own).length === length) return
    apart = true
    own = fresh()
  }

  return {
    run: (work) => own.runInAsyncScope(work),
    call(handle, deliveries) {
      if (apart) return fresh().runInAsyncScope(handle, undefined, deliveries)
      try {
        return handle(deliveries)
      } finally {
        check()
      }
    },
  }
}
