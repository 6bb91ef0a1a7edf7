import { type Part, type Piece, pieceOf } from './piece.ts'

/** Flushes writers together at the end of the tick. Writers that queued the same parts share their bytes. */
export interface Flushes {
  /** Flushes the writer once at the end of the tick. */
  schedule(writer: { flush(): void }): void
  /** The bytes of a queue. Reuses those of the last queue if the parts are the same. */
  pieceOf(queue: readonly Part[]): Piece
}

/** @param join joins queued parts. Default: into a chunk of a response */
export function createFlushes(join: (queue: readonly Part[]) => Piece = pieceOf): Flushes {
  let scheduled: { flush(): void }[] = []
  let last: { readonly queue: readonly Part[]; readonly piece: Piece } | undefined

  function flushAll(): void {
    const writers = scheduled
    scheduled = []
    for (const writer of writers) writer.flush()
    last = undefined
  }

  return {
    schedule(writer) {
      if (scheduled.push(writer) === 1) setImmediate(flushAll)
    },
    pieceOf(queue) {
      if (!last || !isSame(queue, last.queue)) last = { queue, piece: join(queue) }
      return last.piece
    },
  }
}

function isSame(a: readonly Part[], b: readonly Part[]): boolean {
  return a.length === b.length && a.every((part, at) => part === b[at])
}
