import type { InspectedObject } from '@penknife/core'

import { allPages } from '../../pages.ts'
import type { Session } from '../../session.ts'
import { type About, type UnreadGroup, unreadGroups } from './groups.ts'
import { globOf } from './key-text.ts'
import { createTally, type Examples, type ObjectCount, type Tally } from './tally.ts'
import { type FoundKey, type Walked, walkKeys, withMasters } from './walk.ts'

export interface KindReport {
  readonly kind: string
  readonly keys: number
  /** Of objects that no process registered. */
  readonly orphaned: number
  readonly withoutExpiry: number
  /** Bytes of all keys of the kind, from a sample of 20; undefined if Redis measured none. */
  readonly memoryBytes: number | undefined
}

export interface ObjectReport {
  readonly space: string
  readonly feature: string
  readonly name: string
  readonly keys: number
  /** When a process last registered it, in milliseconds since 1970. Undefined: not in 30 days. */
  readonly seenAtMs: number | undefined
  readonly kinds: readonly string[]
  /** Milliseconds since one of its keys was used. Undefined where the server does not count that. */
  readonly unusedForMs: number | undefined
  /**
   * Its keys were used within the last 15 minutes: some process uses it without having registered it. Undefined where the server does not
   * count that.
   */
  readonly inUse: boolean | undefined
}

/** What the keys of a server say. */
export interface KeysReport extends Walked {
  /** Keys with a name like those of penknife. */
  readonly keys: number
  readonly kinds: readonly KindReport[]
  /** Registered objects with keys that no process registered within the last 25 minutes. */
  readonly stale: readonly ObjectReport[]
  /** Objects with keys that no process registered in the last 30 days. */
  readonly orphans: readonly ObjectReport[]
  readonly groups: readonly UnreadGroup[]
  readonly withoutExpiry: Examples
  readonly undecodable: Examples
  /** Keys of objects above the 10,000 that are counted by name. */
  readonly others: number
  /** Lines for redis-cli that remove the keys of orphans that are not in use. None unless every key was walked. */
  readonly unlink: readonly string[]
  /** False if there are more than 16 MiB of lines. */
  readonly unlinkComplete: boolean
}

/** A living process registers its objects every ten minutes. */
const STALE_MS = 1_500_000
const IN_USE_MS = 900_000

export interface KeysOptions {
  /** The space that is asked about; undefined: all. */
  readonly space: string | undefined
  /** Keys of all programs to walk. */
  readonly most: number
}

export function readKeys(session: Session, { space, most }: KeysOptions): Promise<KeysReport> {
  return withMasters(session, async (masters) => {
    const registered = await registry(session, space)
    const isRegistered = (of: Named): boolean => registered.objects.has(idOf(of))
    const tally = createTally(session.prefix, space, isRegistered)
    const match = `${globOf(session.prefix)}pk1:${space === undefined ? '' : globOf(`{${space}`)}*`
    const walked = await walkKeys(session, masters, { match, most }, (keys) => keys.forEach(tally.add))
    session.output.progress('comparing with what is registered')
    // An object that was created since the walk began is no orphan.
    const now = await registry(session, space)
    const counted = new Map(tally.objects.map((each) => [idOf(each), each]))
    const groups: UnreadGroup[] = []
    for (const name of now.spaces) {
      const stream = (of: string): string => idOf({ space: name, feature: 'stream', name: of })
      const about = (of: string): About => ({
        options: now.objects.get(stream(of))?.options,
        named: counted.get(stream(of))?.groups ?? new Set(),
      })
      groups.push(...(await unreadGroups(session, name, about)))
    }
    return reportOf(walked, tally, now.objects, groups, await memory(session, tally))
  })
}

type Named = Pick<ObjectCount, 'space' | 'feature' | 'name'>

function idOf({ space, feature, name }: Named): string {
  return `${space} ${feature} ${name}`
}

interface Registered {
  readonly spaces: readonly string[]
  readonly objects: ReadonlyMap<string, InspectedObject>
}

async function registry({ inspector }: Session, only: string | undefined): Promise<Registered> {
  const listed = await allPages((page) => inspector.spaces(page))
  const spaces = only === undefined ? listed.map(({ name }) => name) : [only]
  const objects = new Map<string, InspectedObject>()
  for (const space of spaces) {
    for (const object of await allPages((page) => inspector.objects(space, page)))
      objects.set(idOf(object), object)
  }
  return { spaces, objects }
}

/** Bytes of the keys of each kind, from its sample. */
async function memory({ reply }: Session, tally: Tally): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  for (const { kind, keys, sample } of tally.kinds) {
    const sizes = (await Promise.all(sample.map((key) => reply(sizeOf(key))))).filter(
      (size) => size !== undefined,
    )
    const sum = sizes.reduce((all, size) => all + size, 0)
    if (sizes.length > 0) found.set(kind, Math.round((sum / sizes.length) * keys))
  }
  return found
}

async function sizeOf({ connection, name }: FoundKey): Promise<number | undefined> {
  try {
    return (await connection.memory('USAGE', name)) ?? undefined
  } catch {
    // No right to ask.
    return undefined
  }
}

function reportOf(
  walked: Walked,
  tally: Tally,
  registered: ReadonlyMap<string, InspectedObject>,
  groups: readonly UnreadGroup[],
  bytes: ReadonlyMap<string, number>,
): KeysReport {
  const all = tally.objects.map((count) => ({ count, object: objectOf(count, registered.get(idOf(count))) }))
  const orphans = all.filter(({ object }) => object.seenAtMs === undefined)
  const stale = all.filter(({ object }) => (object.seenAtMs ?? Infinity) < Date.now() - STALE_MS)
  return {
    ...walked,
    keys: tally.keys,
    kinds: tally.kinds.map(({ kind, keys, orphaned, withoutExpiry }) => ({
      kind,
      keys,
      orphaned,
      withoutExpiry,
      memoryBytes: bytes.get(kind),
    })),
    stale: stale.map(({ object }) => object),
    orphans: orphans.map(({ object }) => object),
    groups,
    withoutExpiry: tally.withoutExpiry,
    undecodable: tally.undecodable,
    others: tally.others,
    // The key that is in use may be one that was not walked.
    unlink: walked.complete
      ? orphans.flatMap(({ count, object }) => (object.inUse === false ? count.lines : []))
      : [],
    unlinkComplete: tally.allLines,
  }
}

function objectOf(
  { space, feature, name, keys, kinds, idleMs }: ObjectCount,
  registered: InspectedObject | undefined,
): ObjectReport {
  return {
    space,
    feature: feature ?? '',
    name,
    keys,
    seenAtMs: registered?.seenAtMs,
    kinds: [...kinds].toSorted(),
    unusedForMs: idleMs,
    inUse: idleMs === undefined ? undefined : idleMs < IN_USE_MS,
  }
}
