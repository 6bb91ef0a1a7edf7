import { AsyncResource } from 'node:async_hooks'

/** Gives every handler the async context (AsyncLocalStorage) in which its worker was created. */
export interface HandlerContext {
  /** Runs the worker's own code in that context, not in that of the caller. */
  run(work: () => void): void
  /** Calls a function of the application inside `run`. A context that it enters ends with its call. */
  call<Input, Output>(handle: (input: Input) => Output, input: Input): Output
}

/** Up to Node 22, `enterWith` writes to the resource in which a handler is called, so each call has its own resource. */
const WRITES_TO_RESOURCE = Number(process.versions.node.split('.', 1)[0]) < 24

/** Call it in the context that handlers get. */
export function createHandlerContext(): HandlerContext {
  const own = new AsyncResource('PenknifeWorker')
  return {
    run: (work) => own.runInAsyncScope(work),
    call(handle, input) {
      const resource = WRITES_TO_RESOURCE ? new AsyncResource('PenknifeHandler') : own
      return resource.runInAsyncScope(handle, undefined, input)
    },
  }
}
