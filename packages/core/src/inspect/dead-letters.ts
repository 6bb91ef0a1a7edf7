import { checkChosen, checkOptions, wholeNumber } from '../options.ts'
import { invalid } from '../errors.ts'
import { cut } from '../text.ts'
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterKind,
  DeadLetters,
} from '../stream/dead-letter-types.ts'

export interface InspectDeadGroupsOptions extends Pick<DeadLetterFilter, 'from' | 'to' | 'why'> {
  /** The most letters to read, newest first: 1 to 1,000,000. Default: 10,000. */
  readonly letters?: number | undefined
}

/** Dead letters with the same error. */
export interface InspectedDeadGroup {
  /** The message of the last error, with `#` instead of numbers and ids: 1 to 200 characters. */
  readonly error: string
  readonly why: DeadLetterKind
  readonly count: number
  /** When the first and the last of them became dead, in milliseconds since 1970. */
  readonly firstAtMs: number
  readonly lastAtMs: number
  /** Positions of the newest of them, at most 3. */
  readonly examples: readonly string[]
}

export interface InspectedDeadGroups {
  /** The most frequent first; at most 1,000. */
  readonly items: readonly InspectedDeadGroup[]
  /** How many letters were read. */
  readonly letters: number
  /** False when there are more letters, which were not read. */
  readonly complete: boolean
}

/** Selects dead letters; all that are given must match. */
export interface InspectDeadFilter extends Pick<DeadLetterFilter, 'from' | 'to' | 'why' | 'id'> {
  /** The `error` of a group of `deadGroups`. */
  readonly error?: string
  /** Text that the error message contains. */
  readonly contains?: string
}

export interface InspectDeadActionOptions {
  /** Counts what would be done, and does nothing. Default: false. */
  readonly dryRun?: boolean | undefined
  /** The most letters to act on. Default: no limit. */
  readonly most?: number | undefined
  /** Called with the numbers so far, after each page of 100 letters. */
  readonly onProgress?: ((progress: InspectedDeadAction) => void) | undefined
  /** Ends it between two pages. The call then fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export interface InspectedDeadAction {
  /** Letters that were read. */
  readonly read: number
  readonly matched: number
  /** Letters that were requeued or purged; 0 with `dryRun`. */
  readonly done: number
}

const MOST_GROUPS = 1000
const LONGEST = 200
const PAGE = 100

/** An error message without what differs between letters: numbers, UUIDs and long hexadecimal ids become `#`. */
export function errorPattern(reason: string): string {
  const plain = cut(reason, 2000)
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '#')
    .replace(/\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b/gi, '#')
    .replace(/\d+(\.\d+)?/g, '#')
  return cut(plain, LONGEST)
}

/** Groups dead letters by their error. One script call for every 1,000 letters or 1 MiB. */
export async function deadGroups(
  letters: DeadLetters,
  options: InspectDeadGroupsOptions = {},
): Promise<InspectedDeadGroups> {
  checkOptions('deadGroups', options, ['from', 'to', 'why', 'letters'])
  const { letters: asked = 10_000, ...filter } = options
  const most = wholeNumber('letters', asked, 1, 1_000_000)
  const groups = new Map<string, InspectedDeadGroup>()
  let read = 0
  let complete = true
  for await (const letter of letters.iterate({ ...filter, pageEntries: Math.min(1000, most) })) {
    if (read === most) {
      complete = false
      break
    }
    read += 1
    addTo(groups, letter)
  }
  const items = [...groups.values()].toSorted((a, b) => b.count - a.count)
  return { items, letters: read, complete }
}

function addTo(
  groups: Map<string, InspectedDeadGroup>,
  { reason, why, diedAtMs, position }: DeadLetter,
): void {
  const error = errorPattern(reason)
  const key = `${why} ${error}`
  const group = groups.get(key)
  if (!group) {
    if (groups.size >= MOST_GROUPS) return
    groups.set(key, { error, why, count: 1, firstAtMs: diedAtMs, lastAtMs: diedAtMs, examples: [position] })
    return
  }
  groups.set(key, {
    ...group,
    count: group.count + 1,
    firstAtMs: Math.min(group.firstAtMs, diedAtMs),
    lastAtMs: Math.max(group.lastAtMs, diedAtMs),
    examples: group.examples.length < 3 ? [...group.examples, position] : group.examples,
  })
}

/**
 * Requeues or purges the letters that a filter selects, 100 at a time, newest first. A letter that arrives meanwhile is not touched. A
 * call that failed half way can be repeated.
 */
export async function actOnDead(
  letters: DeadLetters,
  action: 'requeue' | 'purge',
  filter: InspectDeadFilter,
  options: InspectDeadActionOptions = {},
): Promise<InspectedDeadAction> {
  checkOptions(`${action} filter`, filter, ['from', 'to', 'why', 'id', 'error', 'contains'])
  checkChosen(`${action} filter`, filter)
  checkOptions(action, options, ['dryRun', 'most', 'onProgress', 'signal'])
  const { error, contains, ...selected } = filter
  const { dryRun = false, most = Infinity, onProgress, signal } = options
  if (typeof dryRun !== 'boolean') throw invalid('dryRun', dryRun, 'give true or false')
  if (most !== Infinity) wholeNumber('most', most, 1, Number.MAX_SAFE_INTEGER)
  const matches = ({ reason }: DeadLetter): boolean =>
    (error === undefined || errorPattern(reason) === error) &&
    (contains === undefined || reason.includes(contains))
  let sum: InspectedDeadAction = { read: 0, matched: 0, done: 0 }
  let after: string | undefined
  do {
    signal?.throwIfAborted()
    const page = await letters.list({ ...selected, limit: PAGE, ...(after === undefined ? {} : { after }) })
    const found = page.items.filter(matches).slice(0, most - sum.matched)
    const done = dryRun ? [] : await Promise.all(found.map(({ position }) => letters[action](position)))
    sum = {
      read: sum.read + page.items.length,
      matched: sum.matched + found.length,
      done: done.reduce((all, one) => all + one, sum.done),
    }
    onProgress?.(sum)
    after = page.next
  } while (after !== undefined && sum.matched < most)
  return sum
}
