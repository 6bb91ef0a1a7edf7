// Counts the timers of this process that have neither gone off nor been cleared. To be imported before all else.

const live = new Set<unknown>()

function counted<
  Run extends (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => unknown,
>(make: Run, once: boolean): Run {
  const counting = (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): unknown => {
    const timer = make(
      (...given: unknown[]) => {
        if (once) live.delete(timer)
        callback(...given)
      },
      ms,
      ...args,
    )
    live.add(timer)
    return timer
  }
  return Object.assign(counting, make)
}

function forgetting<Clear extends (timer: never) => void>(clear: Clear): Clear {
  return ((timer: never) => {
    live.delete(timer)
    clear(timer)
  }) as Clear
}

globalThis.setTimeout = counted(globalThis.setTimeout as never, true) as typeof globalThis.setTimeout
globalThis.setInterval = counted(globalThis.setInterval as never, false) as typeof globalThis.setInterval
globalThis.clearTimeout = forgetting(globalThis.clearTimeout)
globalThis.clearInterval = forgetting(globalThis.clearInterval)

export function liveTimers(): number {
  return live.size
}
