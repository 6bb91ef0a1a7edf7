import type { InspectedStream, InspectedTotals } from './types.ts'

type Rates = Pick<InspectedTotals, 'addedPerSecond' | 'finishedPerSecond'>

/** Entries added to a stream and finished by its groups so far. */
interface Counted {
  readonly added: number
  readonly finished: number
}

interface Reading {
  readonly at: number
  readonly streams: ReadonlyMap<string, Counted>
}

const NONE: Rates = { addedPerSecond: undefined, finishedPerSecond: undefined }
const MOST_SPACES = 100

/** Compares the streams of a space with those of the reading before. */
export function createRates(): (space: string, streams: readonly InspectedStream[]) => Rates {
  const last = new Map<string, Reading>()
  return (space, streams) => {
    const before = last.get(space)
    const now: Reading = { at: performance.now(), streams: new Map(streams.flatMap(countedOf)) }
    last.delete(space)
    if (last.size >= MOST_SPACES) last.clear()
    last.set(space, now)
    const seconds = before === undefined ? 0 : (now.at - before.at) / 1000
    if (before === undefined || seconds === 0) return NONE
    let added = 0
    let finished = 0
    for (const [name, count] of now.streams) {
      const earlier = before.streams.get(name)
      // A stream that was deleted and made again counts from its next reading on.
      if (!earlier || count.added < earlier.added) continue
      added += count.added - earlier.added
      finished += Math.max(0, count.finished - earlier.finished)
    }
    return { addedPerSecond: added / seconds, finishedPerSecond: finished / seconds }
  }
}

/** A group has finished every entry that was added and is not in one of its places. */
function countedOf({ name, added, groups }: InspectedStream): readonly (readonly [string, Counted])[] {
  if (added === undefined) return []
  const finished = groups.reduce(
    (sum, { waiting, running, delayed, queued, dead }) =>
      sum + added - waiting - running - delayed - queued - dead,
    0,
  )
  return [[name, { added, finished }]]
}
