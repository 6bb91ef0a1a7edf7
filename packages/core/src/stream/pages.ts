import { badReply } from '../redis/failures.ts'
import type { Route } from '../redis/keys.ts'
import type { Port } from '../redis/runner.ts'
import type { Reply } from '../redis/script.ts'
import type { streamPage } from '../redis/scripts.gen.ts'
import type { StreamPage } from './entry-types.ts'
import type { Range } from './ids.ts'

/** Id and fields of an entry, as Redis returns them. */
export type RawEntry = readonly [id: string, fields: readonly string[]]

export interface PageOptions extends Range {
  /** Most entries of a page. */
  readonly count: number
  /** Most bytes of a page; one entry always fits. */
  readonly bytes: number
}

export type PagePort = Port<NonNullable<(typeof streamPage)['types']>['item'], readonly Reply[]>

/** Checks the entries in a reply of lua/stream/page.lua. */
export function toEntries(found: readonly Reply[]): readonly RawEntry[] {
  for (const entry of found) {
    const known = Array.isArray(entry) && typeof entry[0] === 'string' && Array.isArray(entry[1])
    if (!known || !(entry[1] as readonly Reply[]).every((text) => typeof text === 'string')) {
      throw badReply('stream/page', 'an entry is not id and fields')
    }
  }
  return found as readonly RawEntry[]
}

/** Reads one page. */
export async function readPage<Item>(
  page: PagePort,
  route: Route,
  key: string,
  { first, last, reverse, count, bytes }: PageOptions,
  toItem: (entry: RawEntry) => Item,
): Promise<StreamPage<Item>> {
  const [more, ...found] = await page(route, key, first, last, count, bytes, reverse ? 'XREVRANGE' : 'XRANGE')
  const entries = toEntries(found)
  return { items: entries.map(toItem), next: more ? entries.at(-1)?.[0] : undefined }
}

/** Iterates over the pages of a range. It fetches a page when the one before was consumed. */
export async function* pages(
  page: PagePort,
  route: Route,
  key: string,
  { first, last, reverse, count, bytes, signal }: PageOptions & { readonly signal: AbortSignal | undefined },
): AsyncGenerator<readonly RawEntry[], void> {
  const order = reverse ? 'XREVRANGE' : 'XRANGE'
  for (let position = first; ;) {
    signal?.throwIfAborted()
    const [more, ...found] = await page(route, key, position, last, count, bytes, order)
    const entries = toEntries(found)
    if (entries.length > 0) yield entries
    const final = entries.at(-1)
    if (!more || !final) return
    position = `(${final[0]}`
  }
}
