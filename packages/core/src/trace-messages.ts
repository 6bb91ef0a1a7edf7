/** The messages of the tracing channels, see docs/tracing.md. A subscriber changes only what is said to be for subscribers. */

/** What all messages have after the operation has failed. */
interface Failing {
  /** The error that the caller gets, or that ended the operation. */
  error?: unknown
}

/** `tracing:penknife:add:…`: `stream.add` or `stream.addMany`. */
export interface TracedAdd extends Failing {
  readonly space: string
  /** The stream. */
  readonly name: string
  /** How many entries `addMany` adds. Undefined for `add`. */
  readonly entries: number | undefined
  /**
   * W3C traceparent that the entries get: the one that the caller gave. If it is undefined, a subscriber of `start` may set it. Malformed text is
   * dropped.
   */
  traceparent: string | undefined
  /** The id, or the ids. Set when it succeeded. */
  result?: unknown
}

/** `tracing:penknife:create:…`: `stream.adding`, which makes an entry for `record` or `commit`. It is synchronous: only `start` and `end`. */
export type TracedCreate = Pick<TracedAdd, 'space' | 'name' | 'traceparent' | 'error'>

/** A delivery. */
export interface TracedDelivery {
  /** The id of its entry. */
  readonly id: string
  readonly attempt: number
  readonly fence: number
  /** The checked W3C traceparent of the entry. */
  readonly traceparent: string | undefined
}

/** Where a delivery takes place. */
interface InGroup {
  readonly space: string
  /** The stream. */
  readonly name: string
  readonly group: string
  /** The consumer name of the worker. */
  readonly consumer: string
}

/**
 * `tracing:penknife:process:…`: one call of a handler. It ends when the handler ends, at its timeout, when all its entries were lost or cancelled, or
 * when the worker closes: whatever is first.
 */
export interface TracedProcess extends InGroup, Failing {
  /** Those of the call: one, or those of a `batchWorker`. */
  readonly deliveries: readonly TracedDelivery[]
  /** Whether it is a call of a `batchWorker`. */
  readonly batch: boolean
  /**
   * A subscriber of `start` may set it. The handler is called inside, so that it gets an async context. `call` never throws; return what it returns.
   */
  run?: (call: () => unknown) => unknown
}

/** `tracing:penknife:settle:…`: the outcome of a delivery, from the decision until Redis has stored it. */
export interface TracedSettle extends InGroup, Failing {
  readonly delivery: TracedDelivery
  /** The decision. */
  readonly outcome: 'done' | 'retrying' | 'dead' | 'delayed' | 'returned'
  /** The call of the handler. Undefined when no handler was called, or nobody listened. */
  readonly process: TracedProcess | undefined
}

/** `tracing:penknife:commit:…`: `commit` of a delivery, or of a stream. */
export interface TracedCommit extends InGroup, Failing {
  /** The id of the entry. Of `stream.commit`, the position in the lease. */
  readonly id: string
  /** How many effects. */
  readonly effects: number
  /** A `CommitAnswer`. Set when it succeeded. */
  result?: unknown
}

/** `tracing:penknife:record:…`: `record`. */
export interface TracedRecord extends Failing {
  readonly space: string
  /** How many effects. */
  readonly effects: number
  /** A `RecordAnswer`. Set when it succeeded. */
  result?: unknown
}

/** `tracing:penknife:publish:…`: `notifier.publish`. */
export interface TracedPublish extends Failing {
  readonly space: string
  /** The notifier. */
  readonly name: string
  readonly channel: string
  /** The id of the event. Set when it succeeded. */
  result?: unknown
}

/** `tracing:penknife:take:…`: `limiter.take`, also as part of `wait`, and `limiter.reserve`. */
export interface TracedTake extends Failing {
  readonly space: string
  /** The limiter. */
  readonly name: string
  /** A `LimiterDecision`, or of `reserve` a `LimiterReservation`. Set when it succeeded. */
  result?: unknown
}

/** The operations with a tracing channel, and their messages. */
export interface TracedOperations {
  readonly add: TracedAdd
  readonly create: TracedCreate
  readonly process: TracedProcess
  readonly settle: TracedSettle
  readonly commit: TracedCommit
  readonly record: TracedRecord
  readonly publish: TracedPublish
  readonly take: TracedTake
}
