import { type DecodedKey, decodeKey } from '@penknife/core/internal'

import { exampleOf, keyText, unlinkLine } from './key-text.ts'
import type { FoundKey } from './walk.ts'

/** The most objects that are counted by name. */
const MOST_OBJECTS = 10_000
const MOST_EXAMPLES = 10
/** Keys of a kind whose memory is measured. */
const SAMPLE = 20
/** Bytes of the lines that remove keys. */
const MOST_LINE_BYTES = 16 << 20

/** Keys of one kind, such as `stream:dead`. */
export interface KindCount {
  readonly kind: string
  keys: number
  orphaned: number
  withoutExpiry: number
  /** Chosen at random from all keys of the kind. */
  readonly sample: FoundKey[]
}

/** Keys of one object. */
export interface ObjectCount extends Pick<DecodedKey, 'space' | 'feature' | 'name'> {
  keys: number
  readonly kinds: Set<string>
  /** Groups of a stream that keys name. */
  readonly groups: Set<string>
  /** Milliseconds since one of the keys was used; undefined where the server does not count that. */
  idleMs: number | undefined
  /** Lines for redis-cli that remove its keys, if it is an orphan. */
  readonly lines: string[]
}

export interface Examples {
  count: number
  readonly examples: string[]
}

/** What the keys of a walk add up to. Its memory has a bound, whatever the keys are. */
export interface Tally {
  add(key: FoundKey): void
  readonly keys: number
  readonly kinds: readonly KindCount[]
  readonly objects: readonly ObjectCount[]
  /** Keys whose kind always expires, and that do not. */
  readonly withoutExpiry: Examples
  /** Names like those of penknife that it does not make. */
  readonly undecodable: Examples
  /** Keys of objects that are not counted by name, because there are too many. */
  readonly others: number
  /** False if there are too many orphaned keys for a line each. */
  readonly allLines: boolean
}

/**
 * @param isRegistered whether an object is registered, before the walk
 * @param only the space that is asked about
 */
export function createTally(
  prefix: string,
  only: string | undefined,
  isRegistered: (key: DecodedKey) => boolean,
): Tally {
  const kinds = new Map<string, KindCount>()
  const objects = new Map<string, ObjectCount>()
  const withoutExpiry: Examples = { count: 0, examples: [] }
  const undecodable: Examples = { count: 0, examples: [] }
  const spaces = [`{${only}}`, `{${only}/`].map((tag) => `${prefix}pk1:${tag}`)
  let [keys, others, lineBytes, allLines] = [0, 0, 0, true]

  function kindOf(kind: string): KindCount {
    const found = kinds.get(kind) ?? { kind, keys: 0, orphaned: 0, withoutExpiry: 0, sample: [] }
    kinds.set(kind, found)
    return found
  }

  function objectOf({ space, feature, name }: DecodedKey): ObjectCount | undefined {
    const id = `${space} ${feature} ${name}`
    const found = objects.get(id)
    if (found || objects.size >= MOST_OBJECTS) return found
    const created: ObjectCount = {
      space,
      feature,
      name,
      keys: 0,
      kinds: new Set(),
      groups: new Set(),
      idleMs: undefined,
      lines: [],
    }
    objects.set(id, created)
    return created
  }

  function addToObject(key: DecodedKey, { name, idleMs }: FoundKey, orphaned: boolean): void {
    const object = objectOf(key)
    if (!object) {
      others += 1
      return
    }
    object.keys += 1
    object.kinds.add(key.kind)
    if (key.group !== undefined) object.groups.add(key.group)
    if (idleMs !== undefined) object.idleMs = Math.min(idleMs, object.idleMs ?? Infinity)
    if (!orphaned) return
    const line = unlinkLine(name)
    lineBytes += line.length
    if (lineBytes <= MOST_LINE_BYTES) object.lines.push(line)
    else allLines = false
  }

  return {
    add(found) {
      const text = keyText(found.name)
      if (only !== undefined && !spaces.some((begins) => text.startsWith(begins))) return
      const key = decodeKey(text, prefix)
      keys += 1
      if (key === undefined) {
        note(undecodable, found.name)
        return
      }
      const orphaned = key.feature !== undefined && !isRegistered(key)
      const kind = kindOf(key.kind)
      kind.keys += 1
      if (orphaned) kind.orphaned += 1
      if (key.expires && found.ttlMs === -1) {
        kind.withoutExpiry += 1
        note(withoutExpiry, found.name)
      }
      sample(kind, found)
      if (key.feature !== undefined) addToObject(key, found, orphaned)
    },
    get keys() {
      return keys
    },
    get kinds() {
      return [...kinds.values()].toSorted((a, b) => (a.kind < b.kind ? -1 : 1))
    },
    get objects() {
      return [...objects.values()]
    },
    withoutExpiry,
    undecodable,
    get others() {
      return others
    },
    get allLines() {
      return allLines
    },
  }
}

function note(found: Examples, name: Buffer): void {
  found.count += 1
  if (found.examples.length < MOST_EXAMPLES) found.examples.push(exampleOf(name))
}

/** Reservoir sampling (Vitter's algorithm R, 1985): each key of the kind is in the sample with the same probability. */
function sample(kind: KindCount, key: FoundKey): void {
  if (kind.sample.length < SAMPLE) kind.sample.push(key)
  else {
    const at = Math.floor(Math.random() * kind.keys)
    if (at < SAMPLE) kind.sample[at] = key
  }
}
