import { AsyncResource } from 'node:async_hooks'

/** Gives every handler the async context (AsyncLocalStorage) in which its worker was created. */
export interface HandlerContext {
  /** Runs the worker's own code in that context, not in that of the caller. */
  run(work: () => void): void
  /** Calls a function of the application inside `run`. A context that it enters ends with its call. */
  call<Input, Output>(handle: (input: Input) => Output, input: Input): Output
}

/** Call it in the context that handlers get. */
export function createHandlerContext(): HandlerContext {
  const own = new AsyncResource('PenknifeWorker')
  return {
    run: (work) => own.runInAsyncScope(work),
    call(handle, input) {
      // Up to Node 22 `enterWith` writes to the resource in which it is called, so each call has one that inherits from that of the worker. A new
      // AsyncResource for each call took a twentieth of the time of an entry.
      const resource = Object.create(own) as AsyncResource
      return resource.runInAsyncScope(handle, undefined, input)
    },
  }
}
