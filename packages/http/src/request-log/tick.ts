/** Values that are handled together at the end of a tick. */
export interface Tick<T> {
  add(value: T): void
  /** Handles at once what waits. */
  run(): void
}

/** Most values that wait, because each keeps its request in memory. */
const MOST = 256

/**
 * Handles the values of a tick together, which takes less time for each under load: the code and its data are in the processor's
 * caches from the second value on.
 *
 * @param handle must not throw
 */
export function createTick<T>(handle: (value: T) => void): Tick<T> {
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
