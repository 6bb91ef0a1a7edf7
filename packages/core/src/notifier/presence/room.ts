import { Attendance } from './attendance.ts'
import type { PresenceMembership } from './types.ts'

/** A change that Redis confirmed. */
export interface Change {
  readonly member: string
  readonly wanted: 'in' | 'out'
}

/** The lease had ended; it is extended; or it is, and Redis lost its last writes. */
export type Renewed = 'ended' | 'kept' | 'lost'

/** The calls about one channel. */
export interface RoomCalls {
  /** Resolves with whether the process had a lease. Else its other members must join again. */
  join(member: string): Promise<boolean>
  leave(member: string): Promise<unknown>
  /** Extends the lease, and checks whether Redis still has these changes. */
  renew(changes: readonly Change[]): Promise<Renewed>
  /** Lets the lease end soon. */
  release(): Promise<unknown>
  /** Later calls are those of another process. The members of the one before leave when its lease ends. */
  beginAgain(): void
  /** Reports a failure that is no outage. */
  failed(error: unknown): void
}

/** The most changes that one renewal checks. With so many it is made at once. */
const MOST_CHECKED = 64

/**
 * The members of a channel in this process. It keeps Redis in step with them: what Redis does not know, or may not know after a
 * failed call, is sent again with each renewal.
 */
export class Room {
  /** A number that differs from those of most other rooms. */
  readonly number: number
  readonly #calls: RoomCalls
  readonly #graceMs: number
  readonly #onEmpty: () => void
  readonly #members = new Map<string, Attendance>()
  #renewing = false
  /**
   * The changes since the last renewal, and the last one before it, by member: if Redis lost any writes, it lost one of these. What it was
   * asked after a loss hides none of them. Without a member while that changes again.
   */
  readonly #changes = new Map<string, Change>()
  /** Grows with `beginAgain`: what was sent before counts for nothing. */
  #round = 0

  constructor(number: number, calls: RoomCalls, graceMs: number, onEmpty: () => void) {
    this.number = number
    this.#calls = calls
    this.#graceMs = graceMs
    this.#onEmpty = onEmpty
  }

  join(member: string): PresenceMembership {
    const found = this.#members.get(member)
    const attendance = found ?? new Attendance()
    if (!found) this.#members.set(member, attendance)
    attendance.memberships += 1
    clearTimeout(attendance.grace)
    attendance.grace = undefined
    const joined = attendance.settled()
    this.#settle(member, attendance)
    let left = false
    return {
      joined,
      leave: () => {
        if (left) return
        left = true
        this.#leave(member, attendance)
      },
    }
  }

  renew(): void {
    if (this.#renewing) return
    this.#renewing = true
    const checked = [...this.#changes.values()].slice(0, MOST_CHECKED)
    this.#calls
      .renew(checked)
      .then(
        (renewed) => {
          this.#forget(checked)
          if (renewed === 'lost') this.#beginAgain()
          if (renewed !== 'kept') this.#joinAgain()
          for (const [member, attendance] of this.#members) this.#settle(member, attendance)
        },
        (error: unknown) => this.#calls.failed(error),
      )
      .finally(() => (this.#renewing = false))
  }

  /** Forgets all members. They leave when the lease ends. */
  async release(): Promise<void> {
    for (const attendance of this.#members.values()) {
      clearTimeout(attendance.grace)
      attendance.resolve()
    }
    this.#members.clear()
    await this.#calls.release()
  }

  #leave(member: string, attendance: Attendance): void {
    attendance.memberships -= 1
    if (attendance.memberships > 0 || this.#members.get(member) !== attendance) return
    if (this.#graceMs > 0) {
      attendance.grace = setTimeout(() => {
        attendance.grace = undefined
        this.#settle(member, attendance)
      }, this.#graceMs).unref()
    } else this.#settle(member, attendance)
  }

  /** Forgets changes that were checked, but the last of all. */
  #forget(checked: readonly Change[]): void {
    const last = [...this.#changes.values()].at(-1)
    for (const change of checked)
      if (change !== last && this.#changes.get(change.member) === change) this.#changes.delete(change.member)
  }

  /** As another process, because nobody knows who else is a member of the one before. */
  #beginAgain(): void {
    this.#round += 1
    this.#changes.clear()
    this.#calls.beginAgain()
  }

  /** Redis removed the members of this process, or some of them. */
  #joinAgain(): void {
    for (const attendance of this.#members.values())
      if (attendance.known === 'in') attendance.known = 'unknown'
  }

  #settle(member: string, attendance: Attendance): void {
    if (attendance.sending || this.#members.get(member) !== attendance) return
    const { wanted } = attendance
    if (attendance.known === wanted) {
      attendance.resolve()
      if (wanted === 'out') this.#members.delete(member)
      if (this.#members.size === 0) this.#onEmpty()
      return
    }
    attendance.sending = true
    this.#changes.delete(member)
    const round = this.#round
    this.#send(wanted, member).then(
      (alive) => {
        attendance.sending = false
        const first = !alive && wanted === 'in'
        if (first) this.#joinAgain()
        const counts = round === this.#round
        attendance.known = counts ? wanted : 'unknown'
        if (counts) this.#note({ member, wanted })
        if (first) for (const [other, each] of this.#members) this.#settle(other, each)
        this.#settle(member, attendance)
      },
      (error: unknown) => {
        attendance.sending = false
        attendance.known = 'unknown'
        this.#calls.failed(error)
      },
    )
  }

  #note(change: Change): void {
    this.#changes.set(change.member, change)
    if (this.#changes.size >= MOST_CHECKED) this.renew()
  }

  async #send(wanted: 'in' | 'out', member: string): Promise<boolean> {
    if (wanted === 'in') return this.#calls.join(member)
    await this.#calls.leave(member)
    return true
  }
}
