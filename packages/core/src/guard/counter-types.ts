import type { CalendarUnit } from '../calendar.ts'
import type { Duration } from '../duration.ts'
import type { Effect } from '../record/effect.ts'
import type { Fence } from './fence-types.ts'

export interface CountersOptions {
  /** No counter goes below it. Default: 0. */
  readonly floor?: number | undefined
  /** No counter goes above it. Default: 2^53 - 1. */
  readonly ceiling?: number | undefined
  /**
   * The value of a counter that was never changed, or that was reset. A counter at this value, without open reservations, takes no
   * memory. From `floor` to `ceiling`. Default: 0.
   */
  readonly initial?: number | undefined
  /** Every counter is reset to `initial` when this period of the calendar ends. Default: never. */
  readonly calendar?: CalendarUnit | undefined
  /** The time zone of the calendar: an IANA name such as 'Europe/Berlin'. Default: 'UTC'. */
  readonly timeZone?: string | undefined
  /** How long the id of a change, and how a reservation ended, is stored: '1m' to '31d'. Default: `{ window: '1h' }`. */
  readonly dedup?: { readonly window: Duration } | undefined
}

/** One change of a counter. */
export interface CounterChange {
  /** The name of the counter: 1 to 128 characters without braces and control characters. */
  readonly counter: string
  /** The amount to add: a whole number; a negative one takes. */
  readonly by: number
  /** The floor of this change, instead of the object's own. */
  readonly floor?: number | undefined
  /** The ceiling of this change, instead of the object's own, such as the quota of one customer. */
  readonly ceiling?: number | undefined
}

export interface CounterSetOptions {
  /**
   * Identifies the request, 1 to 128 characters. The same id again, within the window of `dedup`, changes nothing and returns the first
   * answer. A refused call is not stored.
   */
  readonly id?: string | undefined
}

export interface CounterFenceOptions {
  /** Refuses the call when a holder of a later lease has written. */
  readonly fence: Fence | undefined
}

export interface CounterChangeOptions extends CounterSetOptions {
  /**
   * How long to wait when a floor or a ceiling refuses the change: 0 to '1h'. Redis notifies waiting callers of a change that may let them
   * through; they do not poll, and have no order. Default: 0.
   */
  readonly wait?: Duration | undefined
  /** Ends the waiting: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export interface CounterSingleChangeOptions extends CounterChangeOptions {
  /** The floor of this change, instead of the object's own. */
  readonly floor?: number | undefined
  /** The ceiling of this change, instead of the object's own. */
  readonly ceiling?: number | undefined
}

/** Options of `incrementing` and `decrementing`. */
export interface CounterEffectOptions {
  /** For this change instead of the object's own. */
  readonly floor?: number | undefined
  /** For this change instead of the object's own. */
  readonly ceiling?: number | undefined
  /**
   * Effects that are made in the same step when this change brings the counter to `value`, or past it. They add to streams or publish.
   * So the last of several steps starts the next one.
   */
  readonly reaching?: { readonly value: number; readonly effects: readonly Effect[] } | undefined
}

/** The result of `incrementing` and `decrementing`: with `reaching`, `reached` is whether those effects were made. */
export type CounterEffectResult = CounterState & { readonly reached?: boolean }

/** The state of a counter. */
export interface CounterState {
  readonly counter: string
  readonly value: number
  /** How much can be taken before the floor is reached: open reservations count as taken. */
  readonly available: number
  /** How much can be added before the ceiling is reached: open reservations count as added. */
  readonly room: number
}

/** Why a change was refused, and the state of its counter. */
export interface CounterRefusal extends CounterState {
  readonly by: number
  readonly reason: 'floor' | 'ceiling'
}

/** The answer to a call with a fence when a holder of a later lease has written: nothing was changed. `fence` is its token. */
export interface CounterFenced {
  readonly ok: false
  readonly reason: 'fence'
  readonly fence: number
}

/** The answer to several changes: all were made, or none. */
export type CountersAnswer =
  | {
      readonly ok: true
      /** The id was used before: nothing was changed now, and this is the first answer. */
      readonly repeated: boolean
      /** The state after each change, in the order of the changes. */
      readonly counters: readonly CounterState[]
    }
  /** `refused` has the changes that a floor or a ceiling refused. */
  | { readonly ok: false; readonly reason: 'limit'; readonly refused: readonly CounterRefusal[] }

/** The answer to one change. */
export type CounterAnswer =
  | (CounterState & { readonly ok: true; readonly repeated: boolean })
  | (CounterRefusal & { readonly ok: false })

export interface CounterReserveOptions extends Omit<CounterChangeOptions, 'id'> {
  /** When the reservation ends by itself and is given back: '1s' to '31d'. */
  readonly expires: Duration
  /**
   * Identifies the reservation, 1 to 128 characters. The same id again reserves nothing more and returns the same reservation, also after
   * it ended, within the window of `dedup`. Default: a random one.
   */
  readonly id?: string | undefined
}

/** The amount of a counter that a commit makes. */
export interface CounterAmount {
  readonly counter: string
  /** At most the reserved amount, of the same sign; 0 gives all of it back. */
  readonly by: number
}

export type CounterCancelOptions = Partial<CounterFenceOptions>

export interface CounterCommitOptions extends CounterCancelOptions {
  /** Other amounts than the reserved ones, for some of the counters; the rest of what they reserved is given back. */
  readonly amounts?: readonly CounterAmount[] | undefined
}

export type CounterReservationEnd =
  | {
      /** How the reservation ended; `unknown` when that is not stored any more, or there never was one. */
      readonly state: 'committed' | 'cancelled' | 'expired' | 'unknown'
      /** It ended before this call, which changed nothing. */
      readonly repeated: boolean
    }
  /** A holder of a later lease has written: the reservation is as it was. `fence` is its token. */
  | { readonly state: 'refused'; readonly repeated: false; readonly fence: number }

export interface CounterReservation {
  /** Another process can end the reservation with it: `counters.commit(id)`. */
  readonly id: string
  /** Makes the changes for good. Safe to call again. */
  commit(options?: CounterCommitOptions): Promise<CounterReservationEnd>
  /** Gives the reservation back. Safe to call again. */
  cancel(options?: CounterCancelOptions): Promise<CounterReservationEnd>
}

export type CountersReservation =
  | {
      readonly ok: true
      /** The id was used before: this is that reservation, which may have ended. */
      readonly repeated: boolean
      readonly reservation: CounterReservation
      /** The states after it was made; empty when it was made before. */
      readonly counters: readonly CounterState[]
    }
  | Exclude<CountersAnswer, { readonly ok: true }>

/**
 * Another process declared the counters with other options, such as an older version of the application. Each process uses its own.
 * Reported once by each process.
 */
export interface CountersRedeclared {
  readonly kind: 'redeclared'
  readonly space: string
  readonly name: string
  /** Such as `floor 0, ceiling 10, initial 0`. */
  readonly before: string
  readonly now: string
}

export type CountersEvent = CountersRedeclared

/**
 * Whole numbers in Redis between a floor and a ceiling: stock, seats, quotas, budgets. Created by `createCounters`.
 *
 * Each method is one script call, unless it waits; calls of a tick share one command. A refusal by floor or ceiling is an answer, not an
 * error. They fail with PENKNIFE_TIMEOUT and the like when Redis is away.
 */
export interface Counters {
  readonly name: string
  /** Adds to a counter, 1 by default. */
  increment(
    counter: string,
    by: number,
    options: CounterSingleChangeOptions & CounterFenceOptions,
  ): Promise<CounterAnswer | CounterFenced>
  increment(counter: string, by?: number, options?: CounterSingleChangeOptions): Promise<CounterAnswer>
  /** Takes from a counter, 1 by default. */
  decrement(
    counter: string,
    by: number,
    options: CounterSingleChangeOptions & CounterFenceOptions,
  ): Promise<CounterAnswer | CounterFenced>
  decrement(counter: string, by?: number, options?: CounterSingleChangeOptions): Promise<CounterAnswer>
  /** Sets a counter, such as after counting the stock by hand. Open reservations stay: they must fit the new value. */
  set(
    counter: string,
    value: number,
    options: CounterSetOptions & CounterFenceOptions,
  ): Promise<CounterAnswer | CounterFenced>
  set(counter: string, value: number, options?: CounterSetOptions): Promise<CounterAnswer>
  /** Changes up to 50 counters: all or none. */
  change(
    changes: readonly CounterChange[],
    options: CounterChangeOptions & CounterFenceOptions,
  ): Promise<CountersAnswer | CounterFenced>
  change(changes: readonly CounterChange[], options?: CounterChangeOptions): Promise<CountersAnswer>
  /** The effect of `increment`, for `record` and `commit`. */
  incrementing(counter: string, by?: number, options?: CounterEffectOptions): Effect<CounterEffectResult>
  /** The effect of `decrement`. */
  decrementing(counter: string, by?: number, options?: CounterEffectOptions): Effect<CounterEffectResult>
  /** Reads up to 50 counters. */
  read(counters: readonly string[]): Promise<readonly CounterState[]>
  /**
   * Reserves up to 50 changes, all or none, until they are committed, cancelled or expire. Nobody else can take them in the meantime. An
   * expired reservation is given back by the next call on any counter of the object.
   */
  reserve(
    changes: readonly CounterChange[],
    options: CounterReserveOptions & CounterFenceOptions,
  ): Promise<CountersReservation | CounterFenced>
  reserve(changes: readonly CounterChange[], options: CounterReserveOptions): Promise<CountersReservation>
  /** Ends a reservation of any process: its changes are made. */
  commit(reservation: string, options?: CounterCommitOptions): Promise<CounterReservationEnd>
  /** Ends a reservation of any process: it is given back. */
  cancel(reservation: string, options?: CounterCancelOptions): Promise<CounterReservationEnd>
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: CountersEvent) => void): () => void
}
