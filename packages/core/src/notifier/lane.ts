import { reportFault } from '../callbacks.ts'
import { isOutage, PenknifeError } from '../errors.ts'
import { isBeginning, type LiveEvent, type Place, placeOf } from './messages.ts'
import type { Stretch } from './pages.ts'
import type { NotifierEvent, NotifierMessage } from './events.ts'
import type { Trunk } from './trunks.ts'
import type { Audience } from './types.ts'

/** Where a lane reads a channel's history. */
export interface History {
  /**
   * Whether the position still holds, the position at the end, and the events after it, as many as fit. Reads nothing,
   * and answers nothing, when its turn comes and all who wait for it have `cancelled`.
   */
  since(position: string, count: number, cancelled: () => boolean): Promise<Stretch | undefined>
  /** The position at the end; empty without a history. */
  top(): Promise<string>
  /** The position at the end; without a history the one before the next, whose beginning is fixed now. */
  end(): Promise<string>
}

/** What a lane delivers to, and how. */
export interface LaneOptions {
  /** Position to begin after; '-' before the oldest event kept, '+' at the end. */
  readonly from: string
  /** Takes an event, and the position before it. */
  readonly deliver: (event: NotifierEvent, before: string) => void
  /** The types to deliver; all without it. */
  readonly types?: ReadonlySet<string> | undefined
  /** Loads the state that the events after a position change. */
  readonly getState?: ((channel: string) => unknown) | undefined
  /** Called whenever everything up to the end of the history was delivered. */
  readonly caughtUp?: (() => void) | undefined
  /** Called whenever the history cannot be read, though Redis answers. */
  readonly failed?: ((fault: unknown) => void) | undefined
  /** Is told the events for the lane while it is on a trunk. */
  readonly audience?: Audience | undefined
  readonly onAudience?: ((inside: boolean) => void) | undefined
}

/** Events read at once; a page also ends at about 128 KiB. */
export const PAGE = 200
/** Live messages kept while the history is read; beyond it they begin anew: the history has what was dropped. */
const LONGEST_BUFFER = 1000
const RETRY_MS = 500
const NOTHING: readonly LiveEvent[] = []

/**
 * One subscription's way through one channel: every event after its position once and in order, or a reset.
 *
 * Live messages are delivered when they follow the position directly; older ones were delivered already; a gap, or
 * any doubt, sends the lane back to the history. What comes live while the history is read waits in a buffer. The
 * switch to live happens in one synchronous step, so that nothing can come between.
 *
 * There is one for each client of a server: it is made of few objects.
 */
export class Lane {
  readonly #channel: string
  readonly #history: History
  readonly #options: LaneOptions
  /** Of the last event delivered or passed over. */
  #place: Place
  /** What goes on for it; its own place says nothing then. */
  #trunk: Trunk | undefined
  #live = false
  /** The subscription is interrupted, and not yet found to be there again. */
  #cut = false
  #paused = false
  #closed = false
  #buffer: readonly LiveEvent[] = NOTHING
  #reading: Promise<void> | undefined
  #again = false
  #begun: (() => void) | undefined
  #warned = false

  constructor(channel: string, history: History, options: LaneOptions) {
    this.#channel = channel
    this.#history = history
    this.#options = options
    this.#place = placeOf(options.from)
  }

  /** Id of the last event delivered or passed over. */
  get position(): string {
    return (this.#trunk?.lane ?? this).#place.id
  }

  /** Whether it is at the end of the history: at that position, or without a history before the next one. */
  isAt(top: string): boolean {
    const { id, at } = (this.#trunk?.lane ?? this).#place
    return top === '' ? at?.offset === 0 : id === top
  }

  get audience(): Audience | undefined {
    return this.#options.audience
  }

  /** Whether it takes events as they come, and is not reading history. */
  get live(): boolean {
    return this.#live
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Live messages came, in this order. */
  push(events: readonly LiveEvent[]): void {
    for (const event of events) {
      if (this.#closed || this.#paused) return
      if (!this.#live) this.#keep(event)
      else if (event.message.id === null) this.#tell(event.message, this.#place.id)
      else if (!this.#advance(event)) {
        this.#live = false
        this.#keep(event)
        this.keepUp()
      }
    }
  }

  /**
   * Reads the first page, or finds the end; the rest of the history follows by itself. Rejects when not even the
   * first page could be read.
   */
  begin(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve, reject) => {
      let first = true
      this.#begun = () => {
        first = false
        this.#begun = undefined
        resolve()
      }
      this.#catchUp().catch((error: unknown) => {
        if (first) reject(error)
        else this.keepUp()
      })
    })
  }

  /** A live lane at the same place. */
  fork(options: Omit<LaneOptions, 'from'>): Lane {
    const lane = new Lane(this.#channel, this.#history, { from: this.#place.id, ...options })
    lane.#live = true
    return lane
  }

  /** Goes where the trunk goes, which is at the same place, until it is paused or closed. */
  ride(trunk: Trunk): void {
    this.#trunk = trunk
    this.#options.onAudience?.(true)
  }

  #part(): void {
    const trunk = this.#trunk
    if (!trunk) return
    this.#place = trunk.lane.#place
    this.#trunk = undefined
    trunk.parted(this)
    this.#options.onAudience?.(false)
  }

  /** Something may have been missed: reads the history up to its end, trying until it could, then goes on live. */
  keepUp(): void {
    if (this.#paused || this.#trunk) return
    this.#catchUp().catch((error: unknown) => {
      if (this.#closed || isClosed(error)) return
      // Redis will be back; what getState throws should not pass unseen.
      const strange = !isOutage(error)
      const name = this.#channel === '' ? 'the control channel' : `channel '${this.#channel}'`
      if (strange && !this.#warned) reportFault(`${name} cannot be caught up`, error)
      if (strange) this.#options.failed?.(error)
      this.#warned = strange
      setTimeout(() => this.keepUp(), RETRY_MS).unref()
    })
  }

  /**
   * The subscription is interrupted: what comes from here on says nothing before the history was read again. The first
   * messages of the new one may come before its acknowledgement is known, and may seem to follow on the position though
   * another server, which lost its last writes, gave their offsets out again.
   */
  interrupt(): void {
    this.#cut = true
    this.#live = false
    this.#buffer = NOTHING
  }

  /** The subscription is there again. */
  followAgain(): void {
    this.#cut = false
    this.keepUp()
  }

  /** Delivers nothing and keeps nothing until `resume`, which reads on from where it was. */
  pause(): void {
    this.#part()
    this.#paused = true
    this.#live = false
    this.#buffer = NOTHING
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.keepUp()
  }

  close(): void {
    this.#part()
    this.#closed = true
    this.#buffer = NOTHING
    this.#begun?.()
  }

  #keep(event: LiveEvent): void {
    // A nudge has no place in the history.
    if (event.message.id === null) return
    const full = this.#buffer.length === 0 || this.#buffer.length >= LONGEST_BUFFER
    if (full) this.#buffer = [event]
    else (this.#buffer as LiveEvent[]).push(event)
  }

  #tell(event: NotifierMessage, before: string): void {
    const { deliver, types } = this.#options
    if (!types || types.has(event.type)) deliver(event, before)
  }

  /** Delivers an event that follows the position; false when it does not. Older ones count as delivered. */
  #advance({ message: event, place }: LiveEvent): boolean {
    const { id: before, at } = this.#place
    const next = place.at
    if (this.#paused || !at || !next) return false
    if (at.epoch !== next.epoch) return false
    if (next.offset <= at.offset) return next.offset < at.offset || place.id === before
    if (next.offset !== at.offset + 1) return false
    this.#place = place
    this.#tell(event, before)
    return true
  }

  async #catchUp(): Promise<void> {
    if (this.#reading) {
      this.#again = true
      return this.#reading
    }
    this.#reading = this.#readAll().finally(() => {
      this.#reading = undefined
      // Resumed while the last page was on its way.
      if (this.#again && !this.#closed && !this.#paused) this.keepUp()
    })
    return this.#reading
  }

  async #readAll(): Promise<void> {
    this.#live = false
    do {
      this.#again = false
      const atEnd = await this.#readPage()
      if (this.#closed) return
      this.#begun?.()
      if (this.#paused) return
      if (this.#cut && atEnd) break
      // What came after the subscription was there again may not follow on what was read before.
      if (!atEnd || this.#again || !this.#drain()) this.#again = true
    } while (this.#again)
    this.#live = !this.#cut
    this.#options.caughtUp?.()
  }

  /** Reads on from the position; true at the end of the history. */
  async #readPage(): Promise<boolean> {
    if (this.#place.id === '+') {
      await this.#startAt(placeOf(await this.#history.end()), false)
      return true
    }
    const stopped = (): boolean => this.#closed || this.#paused
    const page = await this.#history.since(this.#place.id, PAGE, stopped)
    if (!page || stopped()) return false
    const { lost, steps } = page
    const top = page.top ?? placeOf(await this.#history.end())
    if (stopped()) return false
    if (lost) await this.#startAt(top, true)
    // A history began meanwhile, and '-' stands before its first event.
    else if (page.top === undefined && !isBeginning(top.id)) return false
    else if (steps.length === 0) this.#place = top
    for (const { place, message } of steps) {
      const before = this.#place.id
      this.#place = place
      if (message) this.#tell(message, before)
      if (stopped()) return false
    }
    return this.#place.id === top.id
  }

  /** Goes to a position without the events before it: with the state there, or with a reset when some were lost. */
  async #startAt(top: Place, lost: boolean): Promise<void> {
    const { deliver, getState } = this.#options
    const channel = this.#channel
    // Loaded after the position is known: what happens from now on comes as events.
    const state = getState && (await getState(channel))
    if (this.#closed) return
    const before = this.#place.id
    this.#place = top
    if (getState) deliver({ kind: 'state', channel, id: top.id, state }, before)
    else if (lost) deliver({ kind: 'reset', channel, id: top.id }, before)
  }

  /** Delivers what came live meanwhile; false when it does not join what was read. */
  #drain(): boolean {
    const waiting = this.#buffer
    this.#buffer = NOTHING
    return waiting.every((event) => this.#advance(event))
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof PenknifeError && error.code === 'PENKNIFE_CLOSED'
}
