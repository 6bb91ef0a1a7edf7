import { disown } from '../callbacks.ts'
import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import { streamPage, streamPurge, streamRequeue } from '../redis/scripts.gen.ts'
import { fieldOf } from './entries.ts'
import { type StreamBound, checkId, toBound } from './ids.ts'
import { pages, type RawEntry, toEntries } from './pages.ts'
import type { Scope } from './scope.ts'
import type { DeadLetter, DeadLetterKind } from './types.ts'

/** Which dead letters; what is not given does not limit, `{}` means all. */
export interface DeadLetterFilter {
  /** Those that died at this time or later, or from this position on. */
  readonly from?: StreamBound
  /** Those that died at this time or earlier, or up to this position. */
  readonly to?: StreamBound
  /** Those that died of this, or of one of these. */
  readonly why?: DeadLetterKind | readonly DeadLetterKind[]
  /** That of the entry with this id. */
  readonly id?: string
  /** Those for which it answers true. Anything but true or false, such as the promise of an async function, is refused. */
  readonly where?: (letter: DeadLetter) => boolean
}

export interface DeadLetterListOptions extends DeadLetterFilter {
  /** Oldest first instead of newest first. Default: false. */
  readonly oldestFirst?: boolean
  /** Fetched at once: 1 to 1,000; a page also ends after 1 MiB. Default: 100. */
  readonly pageEntries?: number
  /** Ends the iteration: it throws the signal's reason. */
  readonly signal?: AbortSignal
}

/** The entries that a group gave up on. They stay until they are requeued or purged. */
export interface DeadLetters {
  /** Iterates over them, newest first, fetching a page when the one before is used up: one script call a page. */
  list(options?: DeadLetterListOptions): AsyncIterableIterator<DeadLetter>
  /** The one at a position, or undefined. One script call. */
  get(position: string): Promise<DeadLetter | undefined>
  /**
   * Gives the one at a position, or those that a filter names, back to the group, with all attempts before them;
   * resolves with how many. Each moves in one script, so that none is lost or doubled if a process dies in between:
   * the rest is where it was, and the call can be repeated. What dies after the call began is left alone.
   */
  requeue(which: string | DeadLetterFilter): Promise<number>
  /** Removes the one at a position, or those that a filter names, for good; resolves with how many. */
  purge(which: string | DeadLetterFilter): Promise<number>
}

const PAGE_ENTRIES = 100
const PAGE_BYTES = 1 << 20
const FILTER = ['from', 'to', 'why', 'id', 'where']

export function createDeadLetters({ keys, route, stream, bind }: Scope, group: string): DeadLetters {
  const key = keys.deadLetters(stream, group)
  const ready = keys.ready(stream, group)
  const page = bind(streamPage, [])
  const requeue = bind(streamRequeue, [])
  const purge = bind(streamPurge, [])

  async function* matching(
    filter: DeadLetterFilter,
    { oldestFirst = false, pageEntries = PAGE_ENTRIES, signal }: DeadLetterListOptions,
  ): AsyncGenerator<readonly DeadLetter[], void> {
    const matches = matcher(filter)
    const from = toBound('from', filter.from ?? '-')
    const to = toBound('to', filter.to ?? '+')
    const range = pages(page, route, key, {
      first: oldestFirst ? from : to,
      last: oldestFirst ? to : from,
      reverse: !oldestFirst,
      count: pageEntries,
      bytes: PAGE_BYTES,
      signal,
    })
    for await (const entries of range) yield entries.map(toDeadLetter).filter(matches)
  }

  async function* each(options: DeadLetterListOptions): AsyncGenerator<DeadLetter, void> {
    for await (const letters of matching(options, options)) {
      for (const letter of letters) {
        yield letter
        options.signal?.throwIfAborted()
      }
    }
  }

  /** Does something to those that are meant, a page at a time. */
  async function forEach(
    where: string,
    which: string | DeadLetterFilter,
    act: (position: string) => Promise<number>,
  ): Promise<number> {
    if (typeof which === 'string') return act(checkId('position', which))
    checkFilter(where, which, FILTER)
    let sum = 0
    // Newest first: what dies meanwhile is newer, and does not come.
    for await (const letters of matching(which, {})) {
      for (const done of await Promise.all(letters.map(({ position }) => act(position)))) sum += done
    }
    return sum
  }

  return {
    list(options = {}) {
      checkFilter('list', options, [...FILTER, 'oldestFirst', 'pageEntries', 'signal'])
      wholeNumber('pageEntries', options.pageEntries ?? PAGE_ENTRIES, 1, 1000)
      if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
        throw invalid('signal', options.signal, 'give an AbortSignal')
      }
      return each(options)
    },
    async get(position) {
      const id = checkId('position', position)
      const [, ...found] = await page(route, key, id, id, 1, PAGE_BYTES, 'XRANGE')
      return toEntries(found).map(toDeadLetter)[0]
    },
    requeue: (which) => forEach('requeue', which, (position) => requeue(route, key, ready, position)),
    purge: (which) => forEach('purge', which, (position) => purge(route, key, position)),
  }
}

const KINDS: readonly DeadLetterKind[] = ['failed', 'never-retry', 'invalid', 'vanished']

function checkFilter(where: string, filter: DeadLetterFilter, known: readonly string[]): void {
  checkOptions(where, filter, known)
  toBound('from', filter.from ?? '-')
  toBound('to', filter.to ?? '+')
  for (const kind of kindsOf(filter) ?? []) {
    if (!KINDS.includes(kind)) throw invalid('why', kind, `known are ${KINDS.join(', ')}`)
  }
  if (filter.id !== undefined) checkId('id', filter.id)
  if (filter.where !== undefined && typeof filter.where !== 'function') {
    throw invalid('where', filter.where, 'give a function that answers true or false')
  }
}

function kindsOf({ why }: DeadLetterFilter): readonly DeadLetterKind[] | undefined {
  return why === undefined || Array.isArray(why)
    ? (why as readonly DeadLetterKind[] | undefined)
    : [why as DeadLetterKind]
}

function matcher(filter: DeadLetterFilter): (letter: DeadLetter) => boolean {
  const { id, where } = filter
  const kinds = kindsOf(filter)
  return (letter) =>
    (kinds === undefined || kinds.includes(letter.why)) &&
    (id === undefined || letter.id === id) &&
    (where === undefined || answerOf(where(letter)))
}

/** A promise, such as an async function answers, would count as true: everything would be purged. */
function answerOf(answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer
  disown(answer)
  throw invalid("where's answer", answer, 'answer true or false, not a promise or another value')
}

function toDeadLetter([position, fields]: RawEntry): DeadLetter {
  return {
    id: fieldOf(fields, 'i') ?? '',
    position,
    group: fieldOf(fields, 'g') ?? '',
    json: fieldOf(fields, 'd') ?? 'null',
    attempts: Number(fieldOf(fields, 'a') ?? 0),
    why: (fieldOf(fields, 'k') ?? 'failed') as DeadLetterKind,
    reason: fieldOf(fields, 'e') ?? '',
    traceparent: fieldOf(fields, 't'),
    diedAtMs: Number.parseInt(position, 10),
  }
}
