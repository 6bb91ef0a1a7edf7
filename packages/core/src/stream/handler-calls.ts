import { conform, type StandardSchema } from '../standard-schema.ts'
import { createCallDeadlines, type TimedCall } from './call-deadlines.ts'
import { type DeliveryContext, HandlerDelivery } from './delivery.ts'
import type { DeliveryTraces } from './delivery-traces.ts'
import type { WorkerReturnReason } from './event-types.ts'
import type { HandlerContext } from './handler-context.ts'
import { abort, attemptOver, type LeasedEntry } from './leased-entry.ts'

export interface HandlerCallsOptions<T> {
  readonly context: Omit<DeliveryContext, 'extend'>
  readonly asyncContext: Pick<HandlerContext, 'call'>
  readonly traces: Pick<DeliveryTraces, 'wrap' | 'ended'>
  readonly schema: StandardSchema<unknown, T> | undefined
  readonly timeoutMs: number | undefined
  /** Calls the handler. */
  readonly handle: (deliveries: readonly HandlerDelivery<T>[]) => unknown
  /** The error of the entry at that index in the result of a call; undefined when it succeeded. */
  readonly errorAt: (outcome: unknown, at: number) => unknown
  /** The result of the entry at that index in the result of a call. */
  readonly resultAt: (outcome: unknown, at: number) => unknown
  /** Called before the handler is called with the entry. */
  readonly started: (entry: LeasedEntry, now: number) => void
  readonly finish: (entry: LeasedEntry, result?: unknown) => void
  /** `ran` is false when no handler was called, because the payload is invalid. */
  readonly fail: (entry: LeasedEntry, error: unknown, ran: boolean) => void
  readonly giveBack: (entry: LeasedEntry, why: WorkerReturnReason) => void
  /** Called when a call ended or timed out: the places of that many entries are free. */
  readonly free: (entries: number) => void
}

export interface HandlerCalls {
  /** Calls the handler with entries that were started; `now` is the time by the clock of this process. */
  run(entries: readonly LeasedEntry[], now: number): void
  stop(): void
}

/** One call of the handler. */
interface Call extends TimedCall {
  readonly entries: readonly LeasedEntry[]
  /** Entries whose places it takes, including those with an invalid payload. */
  readonly places: number
  /** How long it may take, for the error when it takes longer. */
  readonly limitMs: number | undefined
}

/** Calls handlers: parses payloads, settles each entry by the result of its call, and fails calls that take too long. */
export function createHandlerCalls<T>(options: HandlerCallsOptions<T>): HandlerCalls {
  const {
    asyncContext,
    traces,
    schema,
    timeoutMs,
    handle,
    errorAt,
    resultAt,
    started,
    finish,
    fail,
    giveBack,
    free,
  } = options
  const deadlines = createCallDeadlines<Call>(timeoutMs, failLate)
  const context: DeliveryContext = {
    ...options.context,
    extend: (entry, ms) =>
      !attemptOver(entry) && entry.call !== undefined && deadlines.extend(entry.call, ms),
  }

  function run(entries: readonly LeasedEntry[], now: number): void {
    if (schema) {
      void check(entries, schema)
      return
    }
    const [first] = entries
    if (first && entries.length === 1) {
      const delivery = toDelivery(first)
      if (delivery) call(entries, [delivery], 1, now)
      else free(1)
      return
    }
    const deliveries = entries.map(toDelivery)
    call(
      entries.filter((_, at) => deliveries[at] !== undefined),
      deliveries.filter((delivery) => delivery !== undefined),
      entries.length,
      now,
    )
  }

  /** Undefined when the payload is not JSON, and so the entry failed. */
  function toDelivery(entry: LeasedEntry): HandlerDelivery<T> | undefined {
    try {
      return new HandlerDelivery(entry, JSON.parse(entry.json ?? '') as T, context)
    } catch (error) {
      fail(entry, error, false)
      return undefined
    }
  }

  async function check(entries: readonly LeasedEntry[], by: StandardSchema<unknown, T>): Promise<void> {
    const parse = ({ json }: LeasedEntry): T | Promise<T> => conform(by, 'payload', JSON.parse(json ?? ''))
    const checked: { readonly entry: LeasedEntry; readonly delivery: HandlerDelivery<T> }[] = []
    for (const entry of entries) {
      try {
        const output = asyncContext.call(parse, entry)
        const payload = output instanceof Promise ? await output : output
        checked.push({ entry, delivery: new HandlerDelivery(entry, payload, context) })
      } catch (error) {
        fail(entry, error, false)
      }
    }
    // An async schema may take long. Entries that were lost or given back meanwhile, or whose lease ended, are not handled.
    const now = performance.now()
    const current = checked.filter(({ entry }) => entry.stage === 'running')
    const good = current.filter(({ entry }) => now < entry.leaseEndsAt)
    for (const { entry } of current) if (now >= entry.leaseEndsAt) giveBack(entry, 'expired')
    call(
      good.map(({ entry }) => entry),
      good.map(({ delivery }) => delivery),
      entries.length,
      now,
    )
  }

  function call(
    entries: readonly LeasedEntry[],
    deliveries: readonly HandlerDelivery<T>[],
    places: number,
    now: number,
  ): void {
    if (entries.length === 0) {
      free(places)
      return
    }
    const mine: Call = {
      entries,
      places,
      limitMs: limitOf(entries),
      dueAt: Infinity,
      atLeast: 0,
      before: undefined,
      after: undefined,
    }
    for (const entry of entries) {
      entry.call = mine
      started(entry, now)
    }
    let result: unknown
    try {
      result = asyncContext.call(traces.wrap(entries, handle), deliveries)
      if (isThenable(result)) {
        deadlines.begin(mine, now, mine.limitMs)
        // A foreign thenable may settle twice, or throw after it settled. A promise settles once.
        Promise.resolve(result).then(
          (outcome) => succeeded(mine, outcome),
          (error: unknown) => failed(mine, error),
        )
        return
      }
    } catch (error) {
      failed(mine, error)
      return
    }
    succeeded(mine, result)
  }

  function succeeded(mine: Call, outcome: unknown): void {
    if (mine.dueAt === 0) return
    ended(mine)
    traces.ended(mine.entries)
    for (let at = 0; at < mine.entries.length; at++) {
      const entry = mine.entries[at] as LeasedEntry
      const error = errorOf(outcome, at)
      if (error !== undefined) fail(entry, error, true)
      else if (entry.own === undefined) finish(entry)
      else finish(entry, resultAt(outcome, at))
    }
    free(mine.places)
  }

  function ended(mine: Call): void {
    deadlines.end(mine)
    // Nobody listens to the worker.
    if (mine.entries[0]?.startedAt === 0) return
    const now = performance.now()
    for (const entry of mine.entries) entry.endedAt ||= now
  }

  function errorOf(outcome: unknown, at: number): unknown {
    try {
      return errorAt(outcome, at)
    } catch (error) {
      // A getter of the handler's result threw, so it is unknown whether the entry is done.
      return error ?? new Error("the handler's result cannot be read")
    }
  }

  function failed(mine: Call, error: unknown): void {
    if (mine.dueAt === 0) return
    ended(mine)
    traces.ended(mine.entries, error ?? new Error('the handler failed without an error'))
    for (const entry of mine.entries) fail(entry, error, true)
    free(mine.places)
  }

  /** The limit that the entries of a call have of their own, the longest of several; undefined when none has. */
  function limitOf(entries: readonly LeasedEntry[]): number | undefined {
    let longest: number | undefined
    for (const { own } of entries) {
      if (own?.timeoutMs !== undefined) longest = Math.max(longest ?? 0, own.timeoutMs || Infinity)
    }
    return longest === undefined || entries.length === 1 ? longest : Math.max(longest, timeoutMs ?? Infinity)
  }

  function failLate({ entries, places, limitMs = timeoutMs }: Call): void {
    const error = new Error(
      `the handler took longer than its timeout of ${limitMs} ms; a handler that needs longer calls delivery.extend(), or give 'timeout'`,
    )
    error.name = 'TimeoutError'
    traces.ended(entries, error)
    for (const entry of entries) {
      abort(entry, error)
      fail(entry, error, true)
    }
    free(places)
  }

  return { run, stop: deadlines.stop }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}
