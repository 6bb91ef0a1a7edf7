import { reportFault } from '../../callbacks.ts'
import { isOutage, PenknifeError } from '../../errors.ts'
import type { NotifierMessage } from '../events.ts'
import type { LiveEvent } from '../messages.ts'
import { type Position, positionOf, relate } from '../position.ts'
import type { NotifierAudience } from '../subscription-types.ts'
import { readOn } from './read-on.ts'
import { type FollowerChange, type FollowerState, stateAfter } from './states.ts'
import type { FollowerOptions, Source } from './types.ts'

/** The most live messages that are buffered while the history is read. With more, the buffer starts again: the history has the rest. */
const MAX_BUFFERED = 1000
const RETRY_MS = 500
const NOTHING: readonly LiveEvent[] = []

/** Followers at one position. One of them delivers for all. */
export interface FollowerGroup {
  readonly position: Position
  /** Called when the follower left the group and delivers itself again. */
  left(member: Follower): void
}

/**
 * Delivers one channel to one subscription: every event after its position once and in order, or a reset.
 *
 * A live message is delivered when it is the next one after the position, and left out when it is an old one. At a gap, or
 * in doubt, the follower reads the history. The switch to live is one synchronous step, so that no event is missed in
 * between. Its state alone decides how it handles live messages (states.ts).
 *
 * A server has one for each client, so it consists of few objects.
 */
export class Follower {
  readonly #source: Source
  readonly #options: FollowerOptions
  #state: FollowerState = 'reading history'
  /** The position of the last event that was delivered or left out. In a group the group's position counts. */
  #position: Position
  #group: FollowerGroup | undefined
  #buffer = NOTHING
  #reading: Promise<void> | undefined
  #readAgain = false
  #firstPageRead: (() => void) | undefined
  #reported = false

  constructor(source: Source, options: FollowerOptions) {
    this.#source = source
    this.#options = options
    this.#position = positionOf(options.from)
  }

  /** Creates a live follower at a position. */
  static live(source: Source, from: Position, options: Omit<FollowerOptions, 'from'>): Follower {
    const follower = new Follower(source, { from: from.id, ...options })
    follower.#change('catch up')
    return follower
  }

  get state(): FollowerState {
    return this.#state
  }

  /** The position of the last event that was delivered or left out. */
  get position(): Position {
    return this.#group?.position ?? this.#position
  }

  /** Whether it is at the end of the history. Without a history: at the position before the next one. */
  isAt(top: string): boolean {
    const { id, at } = this.position
    return top === '' ? at?.offset === 0 : id === top
  }

  get audience(): NotifierAudience | undefined {
    return this.#options.audience
  }

  get getState(): FollowerOptions['getState'] {
    return this.#options.getState
  }

  /** Handles live messages, in the order in which they arrived. */
  push(events: readonly LiveEvent[]): void {
    for (const event of events) {
      if (this.#state === 'reading history') this.#addToBuffer(event)
      else if (this.#state !== 'live') return
      else if (event.message.id === null) this.#deliver(event.message, this.#position.id)
      else if (!this.#advance(event)) {
        this.#change('miss')
        this.#addToBuffer(event)
        this.keepUp()
      }
    }
  }

  /**
   * Reads the first page of the history, or finds its end. The rest of the history follows. Rejects when the first page
   * cannot be read.
   */
  begin(): Promise<void> {
    if (this.#state === 'closed') return Promise.resolve()
    return new Promise((resolve, reject) => {
      let first = true
      this.#firstPageRead = () => {
        first = false
        this.#firstPageRead = undefined
        resolve()
      }
      this.#catchUp().catch((error: unknown) => {
        if (first) reject(error)
        else this.keepUp()
      })
    })
  }

  /** For when events may have been missed: reads the history up to its end, with retries, and then continues live. */
  keepUp(): void {
    if (this.#state !== 'reading history' && this.#state !== 'live') return
    this.#catchUp().catch((error: unknown) => {
      if (this.#state === 'closed' || isClosed(error)) return
      // An outage needs no report. An error of getState does.
      const unexpected = !isOutage(error)
      if (unexpected) this.#fail(error)
      this.#reported = unexpected
      setTimeout(() => this.keepUp(), RETRY_MS).unref()
    })
  }

  /** Called when the pub/sub subscription was interrupted: live messages are dropped until the history was read again. */
  interrupt(): void {
    this.#change('miss')
    this.#buffer = NOTHING
  }

  /** Lets a group at the same position deliver instead, until this follower is paused or closed. */
  join(group: FollowerGroup): void {
    if (!this.#change('join')) return
    this.#group = group
    this.#options.onAudience?.(true)
  }

  /** Delivers and buffers nothing until `resume`, which continues from the same position. */
  pause(): void {
    this.#change('pause')
  }

  resume(): void {
    if (this.#change('resume')) this.keepUp()
  }

  close(): void {
    if (this.#change('close')) this.#firstPageRead?.()
  }

  /** The only place where the state changes. Returns false when the change has no effect in the current state. */
  #change(change: FollowerChange): boolean {
    const next = stateAfter(this.#state, change)
    if (next === undefined) return false
    this.#state = next
    if (next === 'paused' || next === 'closed') {
      this.#buffer = NOTHING
      if (this.#group) this.#leave(this.#group)
    }
    return true
  }

  #leave(group: FollowerGroup): void {
    this.#position = group.position
    this.#group = undefined
    group.left(this)
    this.#options.onAudience?.(false)
  }

  #addToBuffer(event: LiveEvent): void {
    // A nudge has no position in the history.
    if (event.message.id === null) return
    const full = this.#buffer.length === 0 || this.#buffer.length >= MAX_BUFFERED
    if (full) this.#buffer = [event]
    else (this.#buffer as LiveEvent[]).push(event)
  }

  #deliver(message: NotifierMessage, before: string): void {
    const { deliver, types } = this.#options
    if (!types || types.has(message.type)) deliver(message, before)
  }

  /** Delivers the next event and leaves out an old one. Returns false for any other. */
  #advance({ message, position }: LiveEvent): boolean {
    const before = this.#position
    const relation = relate(before, position)
    if (relation !== 'next') return relation === 'old'
    this.#position = position
    this.#deliver(message, before.id)
    return true
  }

  /** Delivers the buffered messages. Returns false at a gap after the history that was read, or when it was paused. */
  #deliverBuffered(): boolean {
    const buffered = this.#buffer
    this.#buffer = NOTHING
    return buffered.every((event) => this.#state === 'reading history' && this.#advance(event))
  }

  async #catchUp(): Promise<void> {
    if (this.#reading) {
      this.#readAgain = true
      return this.#reading
    }
    this.#reading = this.#readToEnd().finally(() => {
      this.#reading = undefined
      // It was resumed while the last page was read.
      if (this.#readAgain) this.keepUp()
    })
    return this.#reading
  }

  async #readToEnd(): Promise<void> {
    this.#change('miss')
    do {
      this.#readAgain = false
      const atEnd = await this.#readPage()
      if (this.#isClosed()) return
      this.#firstPageRead?.()
      if (this.#isStopped()) return
      if (this.#source.interrupted && atEnd) break
      // Messages that arrived after the interruption may leave a gap after the history that was read before.
      if (!atEnd || this.#readAgain || !this.#deliverBuffered()) this.#readAgain = true
    } while (this.#readAgain)
    if (!this.#source.interrupted) this.#change('catch up')
    this.#options.caughtUp?.()
  }

  /** Reads the next page. Returns true at the end of the history. */
  async #readPage(): Promise<boolean> {
    const stopped = (): boolean => this.#isStopped()
    const found = await readOn(this.#source.history, this.#position, stopped)
    if (found.kind === 'cancelled') return false
    if (found.kind === 'start') {
      await this.#startAt(found.at, found.lost)
      return true
    }
    if (found.steps.length === 0) this.#position = found.end
    for (const { position, message } of found.steps) {
      const before = this.#position.id
      this.#position = position
      if (message) this.#deliver(message, before)
      if (stopped()) return false
    }
    return this.#position.id === found.end.id
  }

  /** Moves to a position without the events before it: with the state there, or with a reset when some were lost. */
  async #startAt(position: Position, lost: boolean): Promise<void> {
    const { deliver, getState } = this.#options
    const { channel } = this.#source
    // The state is loaded after the position is known: later changes follow as events.
    const state = getState && (await getState(channel))
    if (this.#isClosed()) return
    const before = this.#position.id
    this.#position = position
    if (getState) deliver({ kind: 'state', channel, id: position.id, state }, before)
    else if (lost) deliver({ kind: 'reset', channel, id: position.id }, before)
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #isStopped(): boolean {
    return this.#state === 'paused' || this.#state === 'closed'
  }

  #fail(error: unknown): void {
    const { channel } = this.#source
    const name = channel === '' ? 'the control channel' : `channel '${channel}'`
    if (!this.#reported) reportFault(`${name} cannot catch up`, error)
    this.#options.failed?.(error)
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof PenknifeError && error.code === 'PENKNIFE_CLOSED'
}
