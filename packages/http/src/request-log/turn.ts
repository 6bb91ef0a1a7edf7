/** Values that are handled together at the end of a turn of the event loop. */
export interface Turn<T> {
  add(value: T): void
  /** Handles at once what waits. */
  run(): void
}

/** Most values that wait, because each keeps its request in memory. */
const MOST = 256

/**
 * Handles the values of a turn together, which takes less time for each under load: the code and its data are in the processor's
 * caches from the second value on.
 *
 * @param handle must not throw
 */
export function createTurn<T>(handle: (value: T) => void): Turn<T> {
  let values: T[] = []

  function run(): void {
    const all = values
    values = []
    for (const value of all) handle(value)
  }

  return {
    add(value) {
      values.push(value)
      if (values.length === 1) setImmediate(run)
      else if (values.length >= MOST) run()
    },
    run,
  }
}
