import type { TracedProcess, TracedSettle } from '../trace-messages.ts'

/** A call of a handler that a tracer follows. */
export interface TracedCall {
  readonly message: TracedProcess
  /** Entries that were not lost. */
  left: number
}

/** What a tracer follows of an entry under lease. Only `delivery-traces.ts` reads it. */
export interface DeliveryTrace {
  /** The call of the handler that has it. */
  readonly call: TracedCall | undefined
  /** Its outcome on the way to Redis. */
  readonly settle: TracedSettle | undefined
  readonly lost: boolean
}
