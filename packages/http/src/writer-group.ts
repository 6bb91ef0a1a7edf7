import type { Socket } from 'node:net'

import type { Flushes } from './flushes.ts'
import { pieceOf } from './piece.ts'
import { MOST_QUEUED_BYTES, type ResponseWriter } from './writer.ts'

export interface WriterGroupOptions<Member> {
  readonly flushes: Flushes
  readonly writerOf: (member: Member) => ResponseWriter
  /** Called for a member that the group let go, because its last write found no room. */
  readonly onFull: (member: Member) => void
}

/**
 * Writers that get the same text: it is queued, joined and encoded once, and goes to the sockets in one pass that
 * touches nothing else of a member.
 *
 * A member whose write finds no room leaves the group. So what waits for a member is less than a socket's high-water
 * mark, one piece of the queue and one event. What its own writer gets meanwhile may go out before what the group has
 * queued: take it out first.
 */
export class WriterGroup<Member> {
  readonly #options: WriterGroupOptions<Member>
  /** With the socket that takes chunks for a member, where no response needs to see them. */
  readonly #members = new Map<Member, Socket | undefined>()
  #queue: string[] = []
  #queued = 0

  constructor(options: WriterGroupOptions<Member>) {
    this.#options = options
  }

  get size(): number {
    return this.#members.size
  }

  /** From the next write on; its own writer must have nothing queued. */
  add(member: Member): void {
    this.flush()
    this.#members.set(member, this.#options.writerOf(member).socket)
  }

  /** Writes to it by itself what the group queued so far. False when it was not a member. */
  delete(member: Member): boolean {
    if (!this.#members.delete(member)) return false
    if (this.#queue.length === 0) return true
    const writer = this.#options.writerOf(member)
    for (const text of this.#queue) writer.write(text)
    return true
  }

  write(text: string): void {
    this.#queued += text.length
    if (this.#queue.push(text) === 1) this.#options.flushes.schedule(this)
    if (this.#queued > MOST_QUEUED_BYTES) this.flush()
  }

  /** Sends what is queued. */
  flush(): void {
    if (this.#queue.length === 0) return
    const { writerOf, onFull } = this.#options
    const piece = pieceOf(this.#queue)
    this.#queue = []
    this.#queued = 0
    const full: Member[] = []
    this.#members.forEach((socket, member) => {
      if (!socket) {
        if (!writerOf(member).send(piece)) full.push(member)
      } else if (socket.writable && !socket.write(piece.chunk)) {
        writerOf(member).filled()
        full.push(member)
      }
    })
    for (const member of full) if (this.#members.delete(member)) onFull(member)
  }
}
