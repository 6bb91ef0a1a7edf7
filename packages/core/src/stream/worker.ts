import { detached } from '../detached.ts'
import { invalid } from '../errors.ts'
import { atMost } from '../redis/endings.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { createCapacity } from './capacity.ts'
import type { HandlerDelivery } from './delivery.ts'
import { createDispatcher } from './dispatcher.ts'
import { createFetchControl } from './fetch-control.ts'
import { createGroupConsumer } from './group-consumer.ts'
import { createHandlerCalls } from './handler-calls.ts'
import { createHandlerContext, type HandlerContext } from './handler-context.ts'
import { createLimitGate } from './limit-gate.ts'
import { createPace } from './pace.ts'
import { createRuns } from './runs.ts'
import type { Scope } from './scope.ts'
import { checkConcurrency, type WorkerSettings } from './settings.ts'
import { createWaitingEntries } from './waiting-entries.ts'
import { createTokenTakes } from './token-takes.ts'
import type { Worker } from './worker-types.ts'

export interface WorkerParts<T> {
  readonly group: string
  readonly schema: StandardSchema<unknown, T> | undefined
  readonly handle: (deliveries: readonly HandlerDelivery<T>[]) => unknown
  readonly errorAt: (outcome: unknown, at: number) => unknown
  /** The result of the entry at that index of a call that succeeded. */
  readonly resultAt: (outcome: unknown, at: number) => unknown
}

/**
 * Starts a worker: a consumer of the group that calls the handler with its entries. Handlers have the async context of the caller. The worker itself
 * has not: it outlives the request or span in which it may be created.
 */
export function createWorker<T>(scope: Scope, parts: WorkerParts<T>, settings: WorkerSettings): Worker {
  const asyncContext = createHandlerContext()
  return detached(() => startWorker(scope, parts, settings, asyncContext))
}

function startWorker<T>(
  scope: Scope,
  parts: WorkerParts<T>,
  settings: WorkerSettings,
  asyncContext: HandlerContext,
): Worker {
  const { group, schema, handle, errorAt, resultAt } = parts
  const { batch, maxAttempts, timeoutMs } = settings
  let most = settings.concurrency
  let held = false
  const concurrency = (): number => most
  const pace = createPace()
  const capacity = createCapacity()
  const runs =
    scope.order &&
    createRuns({
      together: scope.order.places > 1,
      start: (entry) => (gate ? gate.ask(entry) : waiting.pushFirst(entry)),
      giveBack: (entry, why) => giveBack(entry, why),
    })
  const consumer = createGroupConsumer(scope, {
    group,
    settings,
    entriesPerRead: capacity.entriesPerRead,
    room: () => fetchControl.room(),
    take: (entries, asked) => fetchControl.take(entries, asked),
    runs,
    paused: () => waiting.giveBack(0, 0, 'paused'),
    resume: () => dispatcher.dispatch(),
    busy: () => dispatcher.running > 0,
    ended: settings.limit && ((entry) => gate?.ended(entry)),
    async finishAll(deadlineMs) {
      const until = performance.now() + deadlineMs
      waiting.stop()
      dispatcher.stop()
      // A limiter of the application may take longer. Entries that it has not answered for are given back at the end.
      if (gate) await atMost(deadlineMs, gate.answered())
      waiting.giveBack(0, 0, 'closing')
      runs?.giveBack('closing')
      await dispatcher.idle(Math.max(0, until - performance.now()))
      calls.stop()
      traces.close()
      gate?.stop()
    },
  })
  const { name, sourceKeys, events, traces, leases, stopped, start, finish, fail, giveBack } = consumer
  const gate =
    settings.limit &&
    createLimitGate({
      title: `a worker of group '${group}' of ${scope.title}`,
      limit: settings.limit,
      takeToken: createTokenTakes(scope, {
        limiter: settings.limit.limiter,
        group,
        consumer: name,
        sourceKeys,
      }),
      stopped,
      allow(entry) {
        waiting.push(entry)
        // A microtask, so that entries which the limiter allowed together may be in one batch.
        queueMicrotask(dispatcher.dispatch)
      },
      setAside: consumer.setAside,
      wasSetAside: consumer.wasSetAside,
      gone: consumer.gone,
      giveBack,
      roomMade: consumer.roomMade,
    })
  const waiting = createWaitingEntries({ maxAttempts, pace, giveBack })
  const dispatcher = createDispatcher({
    concurrency,
    batch,
    waiting,
    asyncContext,
    pace,
    leases,
    stopped,
    start,
    run: (entries, now) => calls.run(entries, now),
    giveBack,
    roomMade: consumer.roomMade,
  })
  const fetchControl = createFetchControl({
    concurrency,
    batch,
    capacity,
    pace,
    waiting,
    dispatcher,
    leases,
    gate,
    giveBack,
    runs,
    stopped,
  })
  const calls = createHandlerCalls<T>({
    asyncContext,
    traces,
    context: {
      sourceKeys,
      group,
      consumer: name,
      commit: consumer.commit,
      progress: consumer.progress,
      write: consumer.write,
      limited: consumer.limited,
    },
    schema,
    timeoutMs,
    handle,
    errorAt,
    resultAt,
    started: events.started,
    finish,
    fail,
    giveBack,
    free: dispatcher.ended,
  })
  return {
    group,
    consumer: name,
    get concurrency() {
      return most
    },
    setConcurrency(next) {
      most = checkConcurrency(next)
      consumer.roomMade()
      dispatcher.dispatch()
    },
    get paused() {
      return held
    },
    async pause() {
      held = true
      consumer.hold(true)
      await dispatcher.idle()
    },
    resume() {
      held = false
      consumer.hold(false)
    },
    on: events.on,
    close: consumer.close,
    [Symbol.asyncDispose]: () => consumer.close(),
  }
}

/** Refuses a handler that is not a function. */
export function checkHandler(handler: unknown): void {
  if (typeof handler !== 'function') throw invalid('handler', handler, 'give a function')
}
