import { disown } from '../callbacks.ts'
import { invalid } from '../errors.ts'
import { toJson } from '../json.ts'
import { checkChosen, checkOptions, wholeNumber } from '../options.ts'
import { streamPage, streamPurge, streamPurgeKeyed, streamRequeue } from '../redis/scripts.gen.ts'
import type {
  DeadLetterRequeueOptions,
  DeadLetters,
  DeadLetterIterateOptions,
  DeadLetterFilter,
  DeadLetter,
  DeadLetterKind,
} from './dead-letter-types.ts'
import { fieldOf } from './entries.ts'
import { checkId, type Range, toBound, toRange } from './ids.ts'
import { pages, type RawEntry, readPage, toEntries } from './pages.ts'
import { LARGEST_PAYLOAD } from './payload.ts'
import type { Scope } from './scope.ts'
import { checkedTraceparent } from '../traceparent.ts'

const PAGE_ENTRIES = 100
const PAGE_BYTES = 1 << 20
const FILTER = ['from', 'to', 'why', 'id', 'where']

export function createDeadLetters(
  { keys, route, stream, bind, order, placesOf, heldOf }: Scope,
  group: string,
): DeadLetters {
  const key = keys.deadLetters(stream, group)
  const ready = keys.ready(stream, group)
  const page = bind(streamPage, [])
  const requeue = bind(streamRequeue, [heldOf(group), order?.places ?? 0])
  const purgePlain = bind(streamPurge, [])
  const purgeKeyed = bind(streamPurgeKeyed, [placesOf(group), order?.places ?? 0])

  function purge(position: string): Promise<number> {
    return order ? purgeKeyed(route, key, ready, position) : purgePlain(route, key, position)
  }

  async function* matching(
    filter: DeadLetterFilter,
    { oldestFirst = false, pageEntries = PAGE_ENTRIES, signal }: DeadLetterIterateOptions,
  ): AsyncGenerator<readonly DeadLetter[], void> {
    const matches = matcher(filter)
    const range = pages(page, route, key, {
      ...rangeOf(filter, oldestFirst, undefined),
      count: pageEntries,
      bytes: PAGE_BYTES,
      signal,
    })
    for await (const entries of range) yield entries.map(toDeadLetter).filter(matches)
  }

  async function* each(options: DeadLetterIterateOptions): AsyncGenerator<DeadLetter, void> {
    for await (const letters of matching(options, options)) {
      for (const letter of letters) {
        yield letter
        options.signal?.throwIfAborted()
      }
    }
  }

  /** Calls `act` for each selected letter, a page at a time; resolves with the sum of its results. */
  async function forEach(
    where: string,
    which: string | DeadLetterFilter,
    act: (position: string) => Promise<number>,
  ): Promise<number> {
    if (typeof which === 'string') return act(checkId('position', which))
    checkFilter(where, which, FILTER)
    checkChosen(where, which)
    let sum = 0
    // Newest first, so that letters that arrive meanwhile are not visited.
    for await (const letters of matching(which, {})) {
      for (const done of await Promise.all(letters.map(({ position }) => act(position)))) sum += done
    }
    return sum
  }

  return {
    async list(options = {}) {
      checkFilter('list', options, [...FILTER, 'oldestFirst', 'limit', 'after'])
      const { oldestFirst = false, after, limit } = options
      const range = rangeOf(options, oldestFirst, after)
      const count = wholeNumber('limit', limit ?? PAGE_ENTRIES, 1, 1000)
      const { items, next } = await readPage(
        page,
        route,
        key,
        { ...range, count, bytes: PAGE_BYTES },
        toDeadLetter,
      )
      return { items: items.filter(matcher(options)), next }
    },
    iterate(options = {}) {
      checkFilter('iterate', options, [...FILTER, 'oldestFirst', 'pageEntries', 'signal'])
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
    async requeue(which, options: DeadLetterRequeueOptions = {}) {
      checkOptions('requeue', options, ['payload'], ['payload'])
      const { payload } = options
      if (payload !== undefined && typeof which !== 'string')
        throw invalid('payload', payload, 'give the position of one letter with it')
      const json = payload === undefined ? '' : toJson('payload', payload, LARGEST_PAYLOAD)
      return forEach('requeue', which, (position) => requeue(route, key, ready, position, json))
    },
    purge: (which) => forEach('purge', which, purge),
  }
}

function rangeOf({ from, to }: DeadLetterFilter, oldestFirst: boolean, after: string | undefined): Range {
  return toRange({
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(after === undefined ? {} : { after }),
    reverse: !oldestFirst,
  })
}

const KINDS: readonly DeadLetterKind[] = ['failed', 'never-retry', 'invalid', 'vanished']

function checkFilter(where: string, filter: DeadLetterFilter, known: readonly string[]): void {
  checkOptions(where, filter, known)
  toBound('from', filter.from ?? '-')
  toBound('to', filter.to ?? '+')
  for (const kind of kindsOf(filter) ?? []) {
    if (!KINDS.includes(kind)) throw invalid('why', kind, `give one of ${KINDS.join(', ')}`)
  }
  if (filter.id !== undefined) checkId('id', filter.id)
  if (filter.where !== undefined && typeof filter.where !== 'function') {
    throw invalid('where', filter.where, 'give a function that returns true or false')
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
    (where === undefined || checkAnswer(where(letter)))
}

/** A promise, such as the result of an async function, would count as true, and everything would be purged. */
function checkAnswer(answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer
  disown(answer)
  throw invalid('result of where', answer, 'return true or false, not a promise or another value')
}

function toDeadLetter([position, fields]: RawEntry): DeadLetter {
  return {
    id: fieldOf(fields, 'i') ?? '',
    position,
    group: fieldOf(fields, 'g') ?? '',
    key: fieldOf(fields, 'q'),
    json: fieldOf(fields, 'd') ?? 'null',
    attempts: Number(fieldOf(fields, 'a') ?? 0),
    why: (fieldOf(fields, 'k') ?? 'failed') as DeadLetterKind,
    reason: fieldOf(fields, 'e') ?? '',
    traceparent: checkedTraceparent(fieldOf(fields, 't')),
    diedAtMs: Number.parseInt(position, 10),
  }
}
