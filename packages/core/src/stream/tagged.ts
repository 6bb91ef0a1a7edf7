import { checkOptions, wholeNumber } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import { streamPage, streamTagged } from '../redis/scripts.gen.ts'
import { fieldOf } from './entries.ts'
import type { StreamPage } from './entry-types.ts'
import { checkId } from './ids.ts'
import type { Locator } from './locate.ts'
import { toEntries } from './pages.ts'
import type { Scope } from './scope.ts'
import type { StreamTaggedEntry, StreamTaggedOptions, StreamTags } from './tag-types.ts'
import { wantedTags } from './tags.ts'

/** Entries that are looked for at once. */
const AT_ONCE = 10
/** A page ends after this many characters of payloads. */
const MOST_LENGTH = 8 << 20
/** Script calls of a page beyond one for each entry. */
const MORE_CALLS = 200

type Found = Pick<StreamTaggedEntry<unknown>, 'state' | 'attempts' | 'dueMs'> & {
  readonly json: string | undefined
}

/** Finds entries by their tags. */
export function createTagged<T>(
  scope: Scope,
  locator: Locator,
): (tags: StreamTags, options?: StreamTaggedOptions) => Promise<StreamPage<StreamTaggedEntry<T>>> {
  const { keys, route, key, stream, bind, declared } = scope
  const read = bind(streamTagged, [])
  const page = bind(streamPage, [])
  /** Only such a stream knows where an entry is. */
  const isQueueOfOne = declared !== '-' && scope.groups.length === 1

  async function stored(id: string): Promise<Found> {
    const [, ...found] = await page(route, key, id, id, 1, MOST_LENGTH, 'XRANGE')
    const [entry] = toEntries(found)
    const json = entry && fieldOf(entry[1], 'd')
    return { state: entry ? 'stored' : 'gone', attempts: 0, dueMs: undefined, json }
  }

  return async (tags, options = {}) => {
    checkOptions('tagged', options, ['limit', 'after'])
    const wanted = wantedTags(tags)
    const limit = wholeNumber('limit', options.limit ?? 20, 1, 100)
    const after = options.after === undefined ? '' : checkId('after', options.after)
    const [next, ...ids] = await read(route, keys.tags(stream), wanted, after, limit)
    if (typeof next !== 'string' || !ids.every((id) => typeof id === 'string')) {
      throw badReply(streamTagged.name, 'it is not a list of ids')
    }
    const budget = { calls: MORE_CALLS }
    const items: StreamTaggedEntry<T>[] = []
    for (let at = 0, length = 0; at < ids.length; at += AT_ONCE) {
      const part = ids.slice(at, at + AT_ONCE)
      const found = await Promise.all(
        part.map((id) => (isQueueOfOne ? locator.show(id, budget) : stored(id))),
      )
      for (const [nth, each] of found.entries()) {
        items.push(toTagged(part[nth] as string, each))
        length += each.json?.length ?? 0
      }
      if (length > MOST_LENGTH && at + AT_ONCE < ids.length) return { items, next: items.at(-1)?.id }
    }
    return { items, next: next === '' ? undefined : next }
  }
}

function toTagged<T>(id: string, { state, attempts, dueMs, json }: Found): StreamTaggedEntry<T> {
  return {
    id,
    addedAtMs: Number.parseInt(id, 10),
    state,
    attempts,
    dueMs,
    payload: parsed(json) as T | undefined,
  }
}

/** Undefined for what is no JSON: something other than penknife wrote it. */
function parsed(json: string | undefined): unknown {
  try {
    return json === undefined ? undefined : (JSON.parse(json) as unknown)
  } catch {
    return undefined
  }
}
