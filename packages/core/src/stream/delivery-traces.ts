import { reportFault } from '../callbacks.ts'
import type { TracedDelivery, TracedProcess, TracedSettle } from '../trace-messages.ts'
import { traced } from '../traced.ts'
import type { DeliveryTrace, TracedCall } from './delivery-trace.ts'
import type { WorkerIdentity } from './event-types.ts'
import type { LeasedEntry } from './leased-entry.ts'
import type { Move } from './settlement.ts'

/** Publishes deliveries of a worker to tracers. Each operation that it begins ends, at the latest with the worker. Free while nobody listens. */
export interface DeliveryTraces {
  /** The handler for a call with entries. `ended` follows. */
  wrap<Deliveries>(
    entries: readonly LeasedEntry[],
    handle: (deliveries: Deliveries) => unknown,
  ): (deliveries: Deliveries) => unknown
  /** The call with these entries ended, with its error if it failed. */
  ended(entries: readonly LeasedEntry[], error?: unknown): void
  /** The worker decided how the delivery ends. */
  settling(entry: LeasedEntry, move: Move | undefined): void
  /** Redis has the outcome. */
  settled(entry: LeasedEntry): void
  /** The entry was lost or cancelled, or Redis may not have its outcome. What its handler does from now on is ignored. */
  lost(entry: LeasedEntry, reason: Error): void
  /** The worker closed: ends the calls of handlers that still run. */
  close(): void
}

const PROCESS = traced('process')
const SETTLE = traced('settle')
const NOTHING: DeliveryTrace = { call: undefined, settle: undefined, lost: false }

/** `batch`: whether it is a `batchWorker`. */
export function createDeliveryTraces(identity: WorkerIdentity, batch: boolean): DeliveryTraces {
  /** Calls that have not ended. */
  const running = new Set<TracedCall>()

  function endCall(call: TracedCall, error?: unknown): void {
    if (running.delete(call)) PROCESS.end(call.message, error)
  }

  function change(entry: LeasedEntry, to: Partial<DeliveryTrace>): void {
    entry.trace = { ...(entry.trace ?? NOTHING), ...to }
  }

  function endSettle(entry: LeasedEntry, error?: Error): void {
    const settle = entry.trace?.settle
    if (!settle) return
    change(entry, { settle: undefined })
    SETTLE.end(settle, error)
  }

  function followed<Deliveries>(
    entries: readonly LeasedEntry[],
    handle: (deliveries: Deliveries) => unknown,
  ): (deliveries: Deliveries) => unknown {
    const message: TracedProcess = { ...identity, deliveries: entries.map(deliveryOf), batch }
    const call: TracedCall = { message, left: entries.length }
    for (const entry of entries) change(entry, { call })
    running.add(call)
    return (deliveries) => PROCESS.begin(message, () => inside(message.run, () => handle(deliveries)))
  }

  return {
    // Apart, because a function with functions in it takes memory for each call, also when it returns before them.
    wrap: (entries, handle) => (PROCESS.observed ? followed(entries, handle) : handle),
    ended(entries, error) {
      if (running.size === 0) return
      for (const { trace } of entries) if (trace?.call) endCall(trace.call, error)
    },
    settling(entry, move) {
      if (!SETTLE.observed) return
      const process = entry.trace?.call?.message
      const settle = { ...identity, delivery: deliveryOf(entry), outcome: outcomeOf(move), process }
      change(entry, { settle })
      SETTLE.begin(settle, () => {})
    },
    settled: (entry) => endSettle(entry),
    lost(entry, reason) {
      endSettle(entry, reason)
      const { trace } = entry
      if (!trace?.call || trace.lost) return
      change(entry, { lost: true })
      trace.call.left -= 1
      if (trace.call.left === 0) endCall(trace.call, reason)
    },
    close() {
      for (const call of running) endCall(call, new Error('the worker was closed'))
    },
  }
}

/** Calls a handler inside the function of a tracer, and once whatever that function does. */
function inside<Result>(run: TracedProcess['run'], handle: () => Result): Result {
  if (typeof run !== 'function') return handle()
  let outcome: { readonly result: Result } | { readonly error: unknown } | undefined
  const call = (): unknown => {
    try {
      outcome ??= { result: handle() }
      return 'result' in outcome ? outcome.result : undefined
    } catch (error) {
      outcome = { error }
      return undefined
    }
  }
  try {
    run(call)
  } catch (error) {
    reportFault('the run function of a subscriber of penknife:process failed', error)
  }
  call()
  const known = outcome as unknown as { readonly result: Result } | { readonly error: unknown }
  if ('error' in known) throw known.error
  return known.result
}

function deliveryOf({ id, attempt, fence, traceparent }: LeasedEntry): TracedDelivery {
  return { id, attempt, fence, traceparent }
}

function outcomeOf(move: Move | undefined): TracedSettle['outcome'] {
  if (!move) return 'done'
  return move.to === 'later' || move.to === 'waiting' ? 'returned' : move.to
}
