import { durationMs } from '../duration.ts'
import { checkOptions } from '../options.ts'
import type { Space } from '../redis/penknife.ts'
import { objectOf } from './objects.ts'
import type { Registered } from './registered.ts'
import { createRates } from './rates.ts'
import { readStreams } from './streams.ts'
import type {
  InspectedStream,
  InspectedTotals,
  InspectTotalsOptions,
  InspectFeature,
  InspectPage,
  InspectPageOptions,
} from './types.ts'

type List = <Item>(
  where: string,
  space: string,
  page: InspectPageOptions,
  feature: string,
  toItems: (space: Space, found: readonly Registered[]) => readonly Item[] | Promise<readonly Item[]>,
) => Promise<InspectPage<Item>>

const MOST_SPACES = 1000
const MOST_ATTENTION = 1000

/** Sums over all streams of a space, and counts of its objects. */
export function createTotals(
  list: List,
): (space: string, options?: InspectTotalsOptions) => Promise<InspectedTotals> {
  const shared = new Map<string, { readonly at: number; readonly answer: Promise<InspectedTotals> }>()
  const rates = createRates()

  /** Everything that is registered, and the streams with their state. One pass over the registry. */
  async function count(space: string): Promise<InspectedTotals> {
    const objects: Partial<Record<InspectFeature, number>> = {}
    const streams: InspectedStream[] = []
    let after: string | undefined
    do {
      const page = { limit: 1000, ...(after === undefined ? {} : { after }) }
      const { next } = await list('totals', space, page, '', async (of, found) => {
        for (const { feature } of found.flatMap((each) => objectOf(of.name, undefined, each)))
          objects[feature] = (objects[feature] ?? 0) + 1
        streams.push(...(await readStreams(of, found.flatMap(streamOf))))
        return []
      })
      after = next
    } while (after !== undefined)
    const groups = streams.flatMap((stream) => stream.groups)
    const sum = (of: (group: (typeof groups)[number]) => number): number =>
      groups.reduce((total, group) => total + of(group), 0)
    return {
      space,
      objects,
      ...rates(space, streams),
      waiting: sum((group) => group.waiting),
      running: sum((group) => group.running),
      delayed: sum((group) => group.delayed),
      queued: sum((group) => group.queued),
      dead: sum((group) => group.dead),
      oldestAgeMs: groups.reduce((oldest, { oldestAgeMs }) => Math.max(oldest, oldestAgeMs), 0),
      pausedGroups: sum((group) => (group.paused ? 1 : 0)),
      unservedGroups: sum(({ state }) => (state === 'no-worker' ? 1 : 0)),
      attention: streams
        .flatMap(({ name, groups: all }) => all.map((group) => ({ ...group, stream: name })))
        .filter(({ state }) => state !== 'ok')
        .slice(0, MOST_ATTENTION),
    }
  }

  return async (space, options = {}) => {
    checkOptions('totals', options, ['maxAge'])
    const maxAgeMs = durationMs('maxAge', options.maxAge ?? '10s', { min: 1000 })
    const found = shared.get(space)
    const now = performance.now()
    if (found && now - found.at < maxAgeMs) return found.answer
    if (shared.size >= MOST_SPACES) shared.clear()
    const answer = count(space)
    shared.set(space, { at: now, answer })
    // A failure is not shared with later callers.
    answer.catch(() => shared.delete(space))
    return answer
  }
}

const STREAM = 'stream '

function streamOf(registered: Registered): readonly Registered[] {
  const { member } = registered
  return member.startsWith(STREAM) ? [{ ...registered, member: member.slice(STREAM.length) }] : []
}
