import { channel } from 'node:diagnostics_channel'

/** Reports that the kit for tests moved Redis' time. Times that this process has cached are then wrong. */
export interface MovedTime {
  /** How many times it was moved. */
  readonly count: number
  /** Adds a listener for each move. Returns a function that removes it. */
  on(listener: () => void): () => void
  close(): void
}

/** The kit publishes on this node:diagnostics_channel, so that the core need not know the kit. */
const MOVES = channel('penknife:clock')

export function createMovedTime(): MovedTime {
  const listeners = new Set<() => void>()
  let count = 0
  const moved = (): void => {
    count += 1
    for (const listener of listeners) listener()
  }
  MOVES.subscribe(moved)
  return {
    get count() {
      return count
    },
    on(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      MOVES.unsubscribe(moved)
    },
  }
}
