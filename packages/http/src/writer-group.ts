import type { Socket } from 'node:net'

import type { Flushes } from './flushes.ts'
import { type Piece, pieceOf } from './piece.ts'
import type { SharedWriter } from './stream-writer.ts'
import { MAX_QUEUED_BYTES } from './writer.ts'

export interface WriterGroupOptions<Member> {
  readonly flushes: Flushes
  readonly writerOf: (member: Member) => SharedWriter
  /** Called for a member that left the group because its socket's buffer is full. */
  readonly onFull: (member: Member) => void
  /** Joins queued texts. Default: into a chunk of a response. */
  readonly join?: ((queue: readonly string[]) => Piece) | undefined
}

/**
 * Writers that get the same text. The text is queued, joined and encoded once, and written to all sockets in one pass.
 *
 * A client with a full socket buffer leaves the group. So the unsent bytes of a member are bounded: a socket's high-water
 * mark, one piece of the queue and one event. Remove a member before you write to its own writer: that text may be sent
 * before the text in the group's queue.
 */
export class WriterGroup<Member> {
  readonly #options: WriterGroupOptions<Member>
  /** Each member with the socket that gets its chunks directly; undefined if they must go through the response. */
  readonly #members = new Map<Member, Socket | undefined>()
  #queue: string[] = []
  #queued = 0

  constructor(options: WriterGroupOptions<Member>) {
    this.#options = options
  }

  get size(): number {
    return this.#members.size
  }

  /** The member gets the next write. Its own writer must have nothing queued. */
  add(member: Member): void {
    this.flush()
    this.#members.set(member, this.#options.writerOf(member).socket)
  }

  /** Removes a member, and gives its own writer the text in the group's queue. Returns false if it was not a member. */
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
    if (this.#queued > MAX_QUEUED_BYTES) this.flush()
  }

  /** Sends the queued text. */
  flush(): void {
    if (this.#queue.length === 0) return
    const { writerOf, onFull, join = pieceOf } = this.#options
    const piece = join(this.#queue)
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
