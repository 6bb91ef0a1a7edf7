import { setTimeout as delay } from 'node:timers/promises'

import type { Random } from './random.ts'

/** A fault. It is over when its promise resolves. */
export interface Fault {
  readonly name: string
  /** Its share in all faults. */
  readonly weight: number
  /** Resolves when it is over. Undefined if it cannot be injected now. */
  strike(): Promise<void> | undefined
}

export interface Strikes {
  /** How often each fault was injected. */
  readonly counts: Readonly<Record<string, number>>
  /** Resolves when each fault was injected once, or after this time. */
  untilEach(withinMs: number): Promise<void>
  /** Injects no further faults. Resolves when all are over. Rejects if one could not be carried out. */
  stop(): Promise<void>
}

/** Injects faults at random times. Faults overlap. At first each fault is injected once. */
export function startStriking(
  faults: readonly Fault[],
  random: Random,
  betweenMs: readonly [number, number],
): Strikes {
  const counts: Record<string, number> = {}
  const stopping = new AbortController()
  const underWay = new Set<Promise<void>>()
  const first = [...faults]
  let failed: { readonly error: unknown } | undefined

  function chosen(): Fault {
    const next = first.splice(Math.floor(random.next() * first.length), 1)[0]
    if (next) return next
    let at = random.next() * faults.reduce((sum, { weight }) => sum + weight, 0)
    return faults.find(({ weight }) => (at -= weight) < 0) ?? (faults[0] as Fault)
  }

  async function strikeOn(): Promise<void> {
    for (;;) {
      await delay(random.int(...betweenMs), undefined, { signal: stopping.signal }).catch(() => {})
      if (stopping.signal.aborted) return
      const fault = chosen()
      const over = fault.strike()
      if (!over) {
        // It is tried again later.
        if (!counts[fault.name]) first.push(fault)
        continue
      }
      counts[fault.name] = (counts[fault.name] ?? 0) + 1
      underWay.add(over)
      over.catch((error: unknown) => (failed ??= { error })).finally(() => underWay.delete(over))
    }
  }

  const striking = strikeOn()
  return {
    counts,
    async untilEach(withinMs) {
      const end = performance.now() + withinMs
      while (Object.keys(counts).length < faults.length && performance.now() < end) await delay(50)
    },
    async stop() {
      stopping.abort()
      await striking
      await Promise.allSettled(underWay)
      if (failed) throw failed.error
    },
  }
}
