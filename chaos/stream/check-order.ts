import type { Delivery, GroupHistory } from './history.ts'
import { intentOf, keyOf, STREAMS } from './plan.ts'

/** Tolerance in milliseconds, because times of different processes are compared. */
const TOLERANCE_MS = 5

interface Finished {
  readonly id: string
  readonly finish: Delivery
  readonly deliveries: readonly Delivery[]
}

/**
 * Checks the order of each key in a stream that has one: before the delivery that finished an entry began, a handler of the entry that was
 * finished before it had succeeded. And no entry was finished surely before one that was added earlier. Entries that were added with a
 * delay are left out, because they join their key when they are due.
 */
export function checkOrder(
  seed: number,
  group: GroupHistory,
  claim: (holds: boolean, what: () => string) => void,
  count: (what: string, by?: number) => void,
): void {
  if (!STREAMS.find(({ name }) => name === group.stream)?.ordered) return
  const keys = new Map<string, Finished[]>()
  for (const [id, { deliveries }] of group.courses) {
    const finish = deliveries.find(({ outcome }) => outcome === 'done')
    if (!finish || intentOf(seed, finish.n).delayMs > 0) continue
    const key = keyOf(finish.n)
    keys.set(key, [...(keys.get(key) ?? []), { id, finish, deliveries }])
  }
  for (const [key, all] of keys) {
    all.sort((a, b) => compareIds(a.id, b.id))
    for (const [at, later] of all.entries()) {
      const earlier = all[at - 1]
      if (!earlier) continue
      count('pairs of a key')
      const ends = earlier.deliveries.flatMap(({ ended, endedAt }) =>
        ended === 'resolved' && endedAt !== undefined ? [endedAt] : [],
      )
      const said = (): string =>
        `${key}: ${later.id} began at ${later.finish.at} and was done at ${later.finish.outcomeAt}, ${earlier.id} ended at ${ends.join()} and was done at ${earlier.finish.outcomeAt}`
      claim(
        ends.some((end) => end <= later.finish.at + TOLERANCE_MS) &&
          (later.finish.outcomeAt ?? Infinity) >= (earlier.finish.endedAt ?? 0) - TOLERANCE_MS,
        said,
      )
    }
  }
}

function compareIds(a: string, b: string): number {
  const [aMs = 0, aNumber = 0] = a.split('-').map(Number)
  const [bMs = 0, bNumber = 0] = b.split('-').map(Number)
  return aMs - bMs || aNumber - bNumber
}
