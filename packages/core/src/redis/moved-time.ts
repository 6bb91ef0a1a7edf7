import { channel } from 'node:diagnostics_channel'

/** Says that Redis' time was moved, which only the kit for tests does: what this process knows of it is wrong then. */
export interface MovedTime {
  /** How often it was moved. */
  readonly count: number
  /** Calls back each time; the function that comes back takes the listener off. */
  on(listener: () => void): () => void
  close(): void
}

/** The kit publishes on this node:diagnostics_channel, so that the core knows nothing of the kit. */
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
