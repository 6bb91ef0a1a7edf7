import { setTimeout as delay } from 'node:timers/promises'

import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { readReply } from '../redis/failures.ts'
import { recordScan, recordValues } from '../redis/scripts.gen.ts'
import { type Comparable, comparableOf, type Source, sourceOf } from './comparable.ts'
import { isEffect, record } from './record.ts'
import type {
  RebuildComparison,
  RebuildDifference,
  RebuildOptions,
  RebuildSource,
  Rebuilt,
} from './rebuild-types.ts'
import { placeEffects, type Shape, sameSpace, shapeOf } from './shapes.ts'

const PAGE_ENTRIES = 100
const MOST_DIFFERENCES = 1000
const DAY_MS = 86_400_000

interface Pair {
  readonly live: Comparable
  readonly rebuilt: Comparable
  readonly channels: readonly string[]
}

/**
 * Builds copies of boards, counters and histories from the entries of a stream, and compares them with what is there, while both go on
 * changing. It is for objects that are changed by the call that adds the entry: `record(space, log.adding(event), points.incrementing(…))`.
 *
 * Each comparison reads some values and the position of the stream in one script. Then the entries up to that position are applied to the
 * copies, and the copies are read. So a difference is one, however much changes meanwhile. Nothing but `rebuild` may change the copies, and
 * they must be empty at first.
 *
 * What time alone changes cannot be rebuilt: of a board the all-time window is compared, and counters with a calendar are refused.
 *
 * Cost: one script call for 64 entries or less; for 200 members three. Nothing holds Redis for longer than any call of `record`.
 *
 * @throws PENKNIFE_INVALID for a work queue, which deletes its entries, and for objects of another space or kind. What `record` throws: start
 *   anew then, with other names.
 */
export async function rebuild<Entry extends { readonly id: string }>(
  stream: RebuildSource<Entry>,
  options: RebuildOptions<Entry>,
): Promise<Rebuilt> {
  checkOptions('rebuild', options, ['effects', 'compare', 'pause', 'signal'])
  const { effects, compare = [], signal } = options
  if (typeof effects !== 'function') throw invalid('effects', effects, 'give a function that returns effects')
  const pauseMs = durationMs('pause', options.pause ?? 0, { min: 0, max: DAY_MS })
  const from = sourceOf(stream)
  if (!from) throw invalid('stream', stream, 'give a stream that createStream returned')
  if (!from.isLog)
    throw invalid('stream', stream.name, 'it is a work queue, which deletes entries; give it `retain`')
  const pairs = compare.map((one, at) => checkPair(from, one, `compare[${at}]`))
  const { route } = from.runtime.keys
  const values = from.runtime.bind(recordValues, [], undefined, `rebuild from ${from.title}`)
  const scan = from.runtime.bind(recordScan, [], undefined, `rebuild from ${from.title}`)
  let position = '0-0'
  let entries = 0
  let added = 0
  let refused = 0
  let compared = 0
  const differences: RebuildDifference[] = []

  async function step(): Promise<void> {
    signal?.throwIfAborted()
    if (pauseMs > 0) await delay(pauseMs, undefined, signal ? { signal } : undefined)
  }

  /** Applies the entries up to a position. Those of one shape share calls; another shape waits, so that the order is kept. */
  async function advance(to: string): Promise<void> {
    for (let more = position !== to; more;) {
      const after = position === '0-0' ? undefined : { after: position }
      const { items, next } = await stream.read({ to, limit: PAGE_ENTRIES, ...after })
      let shape: Shape | undefined
      let sent: Promise<void>[] = []
      for (const entry of items) {
        const changes = effects(entry)
        if (changes.length === 0) continue
        const own = shapeOf(placeEffects(changes, isEffect))
        if (own !== shape) {
          await Promise.all(sent)
          sent = []
          shape = own
        }
        sent.push(apply(changes))
      }
      await Promise.all(sent)
      entries += items.length
      position = next ?? to
      more = next !== undefined
      await step()
    }
  }

  async function apply(changes: ReturnType<typeof effects>): Promise<void> {
    const answer = await record((from as Source).space, ...changes)
    if (!answer.ok) refused += 1
  }

  /** Reads values of an object, and the position of the stream at that moment. */
  async function read(of: Comparable, key: string, fields: readonly string[]) {
    const text = fields.map((field) => `${field}\0`).join('')
    const reply = await values(route, (from as Source).key, key, of.kind, text)
    return readReply(of.title, () => {
      const [to, count, ...stored] = reply
      if (typeof to !== 'string' || typeof count !== 'number') throw new Error('it has no position')
      return { to, count, found: stored.map((value) => of.valueOf(value as string | null)) }
    })
  }

  async function comparePage(
    { live, rebuilt }: Pair,
    channel: string,
    fields: readonly string[],
  ): Promise<void> {
    const [liveKey, copyKey] = [live, rebuilt].map((one) => one.keyOf?.(channel) as string) as [
      string,
      string,
    ]
    const there = await read(live, liveKey, fields)
    added = there.count
    await advance(there.to)
    const copy = await read(rebuilt, copyKey, fields)
    const names = live.kind === 'x' ? [channel] : fields
    for (const [at, key] of names.entries()) {
      compared += 1
      const [is, was] = [there.found[at], copy.found[at]]
      if (is !== was && differences.length < MOST_DIFFERENCES)
        differences.push({ of: live.title, key, live: is, rebuilt: was })
    }
  }

  /** Compares everything that one of the two objects has. */
  async function compareAll(pair: Pair, listed: Comparable): Promise<void> {
    const key = listed.keyOf?.('') as string
    for (let cursor = '0'; ;) {
      const [next, ...found] = await scan(route, key, listed.kind, cursor)
      const fields = [...new Set(found as string[])]
      for (let at = 0; at < fields.length; at += 200) {
        await comparePage(pair, '', fields.slice(at, at + 200))
        await step()
      }
      cursor = String(next)
      if (cursor === '0') return
    }
  }

  // Most entries are there already.
  const start = await values(route, from.key, from.key, 'x', '')
  added = Number(start[1])
  await advance(String(start[0]))
  for (const pair of pairs) {
    if (pair.live.kind === 'x') for (const channel of pair.channels) await comparePage(pair, channel, [])
    else {
      await compareAll(pair, pair.live)
      await compareAll(pair, pair.rebuilt)
    }
  }
  return { entries, position, complete: entries === added, refused, compared, differences }
}

function checkPair(from: Source, one: RebuildComparison, name: string): Pair {
  checkOptions(name, one, ['live', 'rebuilt', 'channels'])
  const [live, rebuilt] = [one.live, one.rebuilt].map((object, at) => {
    const found = comparableOf(object)
    const option = `${name}.${at === 0 ? 'live' : 'rebuilt'}`
    if (!found) throw invalid(option, object, 'give a leaderboard, counters or a notifier')
    if (!found.keyOf)
      throw invalid(
        option,
        found.title,
        'time alone changes it, so it cannot be rebuilt: it has no all-time window, or a calendar',
      )
    if (!sameSpace({ runtime: from.runtime, space: from.space.name }, found))
      throw invalid(option, found.title, `it is not in space '${from.space.name}' of the stream`)
    return found
  }) as [Comparable, Comparable]
  if (live.kind !== rebuilt.kind || live.title === rebuilt.title)
    throw invalid(
      name,
      rebuilt.title,
      `give a copy of ${live.title}: the same kind of object under another name`,
    )
  const { channels = [] } = one
  if ((live.kind === 'x') !== channels.length > 0)
    throw invalid(
      `${name}.channels`,
      channels,
      live.kind === 'x' ? 'give the channels' : 'only a notifier has channels',
    )
  return { live, rebuilt, channels }
}
