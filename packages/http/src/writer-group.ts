import type { Socket } from 'node:net'

import { pieceOf } from './piece.ts'
import { MOST_QUEUED_BYTES, type ResponseWriter, schedule } from './writer.ts'

/** Whoever has a writer of a response. */
export interface GroupMember {
  readonly writer: ResponseWriter
}

/**
 * Writers that are told the same: it is queued, joined and encoded once, and goes to the sockets in one pass that
 * touches nothing else of a member.
 *
 * A member keeps up, or it is handed to `fell`: its last write found no room. So what waits for a member is less than
 * a socket's high-water mark, one piece of the queue and one event. What its own writer is given meanwhile may go out
 * before what waits here: take it out first.
 */
export class WriterGroup<Member extends GroupMember> {
  readonly #fell: (member: Member) => void
  /** With the socket that takes chunks for a member, where no response needs to see them. */
  readonly #members = new Map<Member, Socket | undefined>()
  #queue: string[] = []
  #queued = 0

  constructor(fell: (member: Member) => void) {
    this.#fell = fell
  }

  get size(): number {
    return this.#members.size
  }

  /** From the next write on; its own writer must have nothing queued. */
  add(member: Member): void {
    this.flush()
    this.#members.set(member, member.writer.socket)
  }

  /** Gives it what it was written so far; false when it was not here. */
  delete(member: Member): boolean {
    if (!this.#members.delete(member)) return false
    for (const text of this.#queue) member.writer.write(text)
    return true
  }

  write(text: string): void {
    this.#queued += text.length
    if (this.#queue.push(text) === 1) schedule(this)
    if (this.#queued > MOST_QUEUED_BYTES) this.flush()
  }

  /** Sends what is queued. */
  flush(): void {
    if (this.#queue.length === 0) return
    const piece = pieceOf(this.#queue)
    this.#queue = []
    this.#queued = 0
    const full: Member[] = []
    this.#members.forEach((socket, member) => {
      if (!socket) {
        if (!member.writer.send(piece)) full.push(member)
      } else if (socket.writable && !socket.write(piece.chunk)) {
        member.writer.filled()
        full.push(member)
      }
    })
    for (const member of full) if (this.#members.delete(member)) this.#fell(member)
  }
}
