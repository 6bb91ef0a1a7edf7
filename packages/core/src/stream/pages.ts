import { badReply } from '../redis/failures.ts'
import type { Port } from '../redis/runner.ts'
import type { Reply } from '../redis/script.ts'
import type { Route } from '../redis/keys.ts'
import type { streamPage } from '../redis/scripts.gen.ts'

/** Id and fields of an entry, as Redis gives them. */
export type RawEntry = readonly [id: string, fields: readonly string[]]

export interface PageOptions {
  /** Where to begin and to end, as XRANGE or XREVRANGE take it: `(` before an id leaves it out. */
  readonly first: string
  readonly last: string
  readonly reverse: boolean
  readonly count: number
  readonly bytes: number
  readonly signal: AbortSignal | undefined
}

export type PagePort = Port<NonNullable<(typeof streamPage)['types']>['item'], readonly Reply[]>

/** The entries of a page. */
export function toEntries(found: readonly Reply[]): readonly RawEntry[] {
  for (const entry of found) {
    const known = Array.isArray(entry) && typeof entry[0] === 'string' && Array.isArray(entry[1])
    if (!known || !(entry[1] as readonly Reply[]).every((text) => typeof text === 'string')) {
      throw badReply('stream/page', 'an entry is not id and fields')
    }
  }
  return found as readonly RawEntry[]
}

/** The pages of a range; one is fetched when the one before is used up. */
export async function* pages(
  page: PagePort,
  route: Route,
  key: string,
  { first, last, reverse, count, bytes, signal }: PageOptions,
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
