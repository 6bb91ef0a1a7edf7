import type { CalendarUnit } from '../calendar.ts'
import type { Duration } from '../duration.ts'
import type { Effect } from '../record/effect.ts'

export interface CountersOptions {
  /** No counter goes below it. Default: 0. */
  readonly floor?: number
  /** No counter goes above it. Default: 2^53 - 1. */
  readonly ceiling?: number
  /**
   * What a counter is that nobody changed yet, or that was reset. One that is back at it, without open reservations, takes no memory.
   * Default: 0.
   */
  readonly initial?: number
  /** Every counter goes back to `initial` when this period of the calendar ends. Default: never. */
  readonly calendar?: CalendarUnit
  /** Whose calendar that is: an IANA name such as 'Europe/Berlin'. Default: 'UTC'. */
  readonly timeZone?: string
  /** For how long the id of a change, and how a reservation ended, is remembered: '1m' to '31d'. Default: '1h'. */
  readonly remember?: Duration
}

/** One change of a counter. */
export interface CounterChange {
  /** Its name: 1 to 128 characters without braces and control characters. */
  readonly counter: string
  /** What to add: a whole number; a negative one takes. */
  readonly by: number
  /** For this change instead of the object's own. */
  readonly floor?: number
  /** For this change instead of the object's own, as where each customer has a quota of his own. */
  readonly ceiling?: number
}

export interface CounterChangeOptions {
  /**
   * Names the request: while it is remembered, the same id again changes nothing and gets the first answer. A call that was refused
   * is not remembered. 1 to 128 characters.
   */
  readonly id?: string
}

export interface CounterSingleChangeOptions extends CounterChangeOptions {
  /** For this change instead of the object's own. */
  readonly floor?: number
  /** For this change instead of the object's own. */
  readonly ceiling?: number
}

/** Options of `incrementing` and `decrementing`. */
export interface CounterEffectOptions {
  /** For this change instead of the object's own. */
  readonly floor?: number
  /** For this change instead of the object's own. */
  readonly ceiling?: number
  /**
   * What else is made in the same step when this change brings the counter to `value`, or past it: effects that add to streams or
   * publish. So the last of several steps starts the next one.
   */
  readonly reaching?: { readonly value: number; readonly effects: readonly Effect[] }
}

/** What a counter is. */
export interface CounterState {
  readonly counter: string
  readonly value: number
  /** How much can be taken before the floor is reached: open reservations count as taken. */
  readonly available: number
  /** How much can be added before the ceiling is reached: open reservations count as added. */
  readonly room: number
}

/** Why a change was refused, and what the counter was. */
export interface CounterRefusal extends CounterState {
  readonly by: number
  readonly reason: 'floor' | 'ceiling'
}

/** Of several changes: all were made, or none. */
export type CountersAnswer =
  | {
      readonly ok: true
      /** The id was used before: nothing was changed now, and this is the first answer. */
      readonly repeated: boolean
      /** After each change, in the order of the changes. */
      readonly counters: readonly CounterState[]
    }
  | { readonly ok: false; readonly refused: readonly CounterRefusal[] }

/** Of one change. */
export type CounterAnswer =
  | (CounterState & { readonly ok: true; readonly repeated: boolean })
  | (CounterRefusal & { readonly ok: false })

export interface CounterReserveOptions {
  /** When the reservation ends by itself and gives back what it holds: '1s' to '31d'. */
  readonly expires: Duration
  /**
   * Names the reservation: the same id again reserves nothing more and gets the same reservation, also after it ended, while that is
   * remembered. Default: one that nobody else has.
   */
  readonly id?: string
}

/** How a reservation ended; `unknown` when it is not known any more, or never was. */
export interface CounterReservationEnd {
  readonly state: 'committed' | 'cancelled' | 'expired' | 'unknown'
  /** It ended before this call, which changed nothing. */
  readonly repeated: boolean
}

export interface CounterReservation {
  /** With it another process can end the reservation: `counters.commit(id)`. */
  readonly id: string
  /** Makes the changes for good. Safe to call again. */
  commit(): Promise<CounterReservationEnd>
  /** Gives back what it holds. Safe to call again. */
  cancel(): Promise<CounterReservationEnd>
}

export type CountersReservation =
  | {
      readonly ok: true
      /** The id was used before: this is that reservation, which may have ended. */
      readonly repeated: boolean
      readonly reservation: CounterReservation
      /** After it was made; empty when it was made before. */
      readonly counters: readonly CounterState[]
    }
  | { readonly ok: false; readonly refused: readonly CounterRefusal[] }

/**
 * Whole numbers in Redis between a floor and a ceiling: stock, seats, quotas, budgets. Made by `createCounters`.
 *
 * Each method is one script call. Calls of a tick travel together. They fail with PENKNIFE_TIMEOUT and the like when Redis is away; a
 * refusal by floor or ceiling is no error but an answer.
 */
export interface Counters {
  readonly name: string
  /** Adds to a counter, 1 by default. */
  increment(counter: string, by?: number, options?: CounterSingleChangeOptions): Promise<CounterAnswer>
  /** Takes from a counter, 1 by default. */
  decrement(counter: string, by?: number, options?: CounterSingleChangeOptions): Promise<CounterAnswer>
  /** Sets a counter, as after counting the stock by hand. Open reservations stay: they must fit the new value. */
  set(counter: string, value: number, options?: CounterChangeOptions): Promise<CounterAnswer>
  /** Changes up to 50 counters: all or none. */
  change(changes: readonly CounterChange[], options?: CounterChangeOptions): Promise<CountersAnswer>
  /**
   * The effect of `increment`, for `record` and `commit`. Its result is the counter, with `reached` if `reaching` was given: whether those
   * effects were made.
   */
  incrementing(
    counter: string,
    by?: number,
    options?: CounterEffectOptions,
  ): Effect<CounterState & { readonly reached?: boolean }>
  /** The effect of `decrement`. */
  decrementing(
    counter: string,
    by?: number,
    options?: CounterEffectOptions,
  ): Effect<CounterState & { readonly reached?: boolean }>
  /** What up to 50 counters are. */
  read(counters: readonly string[]): Promise<readonly CounterState[]>
  /**
   * Holds up to 50 changes, all or none, until they are committed, cancelled or expire. Nobody else can take meanwhile what it holds.
   * What it holds after it expired comes back with the next call on any counter of the object.
   */
  reserve(changes: readonly CounterChange[], options: CounterReserveOptions): Promise<CountersReservation>
  /** Ends a reservation of any process: its changes are made. */
  commit(reservation: string): Promise<CounterReservationEnd>
  /** Ends a reservation of any process: what it holds is given back. */
  cancel(reservation: string): Promise<CounterReservationEnd>
}
