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

/** So many calls of handlers are looked at one by one, and later one of this many. */
const LOOKED_AT = 1000
const ONE_OF = 64

/**
 * A resource for each call would cost a tenth of a delivery. So handlers are called in the worker's own one until one of them is seen to enter
 * another context, and in one of their own from then on. Looking costs as much, so it becomes rare: a handler that never entered a context in
 * its first calls and then does may leave it to the next few, once.
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
  let calls = 0

  function look(): void {
    calls += 1
    if (calls > LOOKED_AT && calls % ONE_OF > 0) return
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
        look()
      }
    },
  }
}
