import { disown } from '../callbacks.ts'
import { durationMs } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { shortened } from '../redis/keys.ts'
import { errorText, isWellFormed, printable } from '../text.ts'
import type { StreamOptions } from './option-types.ts'

/** The tags of a stream's entries, checked. */
export interface Tagging {
  /** As lua/_lib/stream/tagging.lua takes them: most entries, and milliseconds. */
  readonly limits: string
  /**
   * The tags of a payload, appended to its JSON in the scripts that add; empty without tags.
   *
   * @throws PENKNIFE_INVALID when the application's function throws, or returns something else than tags.
   */
  readonly textOf: (payload: unknown) => string
}

/** Before each tag. No JSON, name or value contains it. */
const MARK = '\u0001'
const MOST_TAGS = 8
const LONGEST_VALUE = 256
const USUAL_ENTRIES = 10_000
const MOST_ENTRIES = 1_000_000
const USUAL_AGE = '7d'
const LONGEST_AGE_MS = 366 * 86_400_000

/** The options `tags` and `tagged` of `createStream`. */
export function taggingOf<T, Out>({
  tags,
  tagged = {},
}: Pick<StreamOptions<T, Out>, 'tags' | 'tagged'>): Tagging | undefined {
  checkOptions('tagged', tagged, ['entries', 'age'])
  const entries = wholeNumber('entries', tagged.entries ?? USUAL_ENTRIES, 1, MOST_ENTRIES)
  const ageMs = durationMs('age', tagged.age ?? USUAL_AGE, { min: 1000, max: LONGEST_AGE_MS })
  if (tags === undefined) return undefined
  if (typeof tags !== 'function') {
    throw invalid('tags', tags, 'give a function of the payload, such as (order) => ({ user: order.user })')
  }
  return {
    limits: `${entries} ${Math.round(ageMs)}`,
    textOf: (payload) => textFor(tags as (payload: unknown) => unknown, payload),
  }
}

function textFor(tags: (payload: unknown) => unknown, payload: unknown): string {
  let found: readonly (readonly [name: string, value: unknown])[]
  try {
    const given = tags(payload)
    const isPlain =
      typeof given === 'object' && given !== null && !/^\[object (Array|Map|Set|Date)\]$/.test(tagOf(given))
    if (!isPlain || 'then' in given) {
      disown(given)
      const fix =
        "return an object such as { user: 'ann' }, or {} for no tags; the function must not be async"
      throw invalid('the result of tags', given, fix)
    }
    found = Object.entries(given)
  } catch (cause) {
    if (cause instanceof PenknifeError) throw cause
    const text = printable(errorText(cause), 200)
    const message = `tags failed for a payload, so it was not added: ${text}; return {} for a payload without tags`
    throw new PenknifeError('PENKNIFE_INVALID', message, { cause, option: 'tags' })
  }
  const tagged = found.filter(([, value]) => value !== undefined)
  if (tagged.length > MOST_TAGS) {
    throw invalid('the result of tags', `${tagged.length} tags`, `return at most ${MOST_TAGS}`)
  }
  return tagged.map(([name, value]) => MARK + tagText(name, value)).join('')
}

const tagOf = (value: object): string => Object.prototype.toString.call(value)

/** The JSON of a payload with its tags behind it, as the scripts take it. */
export function withTags(
  { textOf }: Tagging,
  json: string | Promise<string>,
  payload: unknown,
): string | Promise<string> {
  return typeof json === 'string' ? json + textOf(payload) : json.then((text) => text + textOf(payload))
}

/** The tags that an entry must have, as lua/stream/tagged.lua takes them. */
export function wantedTags(tags: unknown): string {
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) {
    throw invalid('tags', tags, "give an object such as { user: 'ann' }")
  }
  const wanted = Object.entries(tags).map(([name, value]) => {
    if (value !== undefined) return tagText(name, value)
    // Without that tag it would find the entries of everybody.
    throw invalid(`tag '${name}'`, value, 'give the value to find entries by, or leave the tag out')
  })
  if (wanted.length === 0 || wanted.length > MOST_TAGS) {
    throw invalid('tags', `${wanted.length} tags`, `give 1 to ${MOST_TAGS}, such as { user: 'ann' }`)
  }
  return wanted.join(MARK)
}

function tagText(name: string, value: unknown): string {
  checkName('the name of a tag', name)
  const text = typeof value === 'number' && Number.isFinite(value) ? String(value) : value
  // Control characters separate the parts of a call.
  // oxlint-disable-next-line no-control-regex
  const usable =
    typeof text === 'string' && text !== '' && text.length <= LONGEST_VALUE && !/[\0-\x1f]/.test(text)
  if (!usable || !isWellFormed(text)) {
    disown(value)
    const fix = `give a finite number, or 1 to ${LONGEST_VALUE} characters without control characters and half surrogate pairs; undefined for no tag`
    throw invalid(`tag '${name}'`, value, fix)
  }
  return `${name}=${shortened(text)}`
}
