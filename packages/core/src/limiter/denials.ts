import { detached } from '../detached.ts'
import { digest, type Keys, shortened } from '../redis/keys.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Port } from '../redis/runner.ts'
import type { limiterCountDenied } from '../redis/scripts.gen.ts'
import type { LimiterDecision } from './decision-types.ts'

/** Counts the denials of this process, and sends the most denied subjects to Redis: for tools. */
export interface Denials {
  /** Counts one denial. `text` is that of `subjectText`. Never throws. */
  count(text: string, decision: LimiterDecision): void
}

export interface DenialsContext {
  readonly name: string
  readonly keys: Keys
  readonly hashSubjects: boolean
  readonly onClose: Runtime['onClose']
  readonly send: Port<NonNullable<(typeof limiterCountDenied)['types']>['item'], number>
}

/** How long after a denial the counts are sent. */
const SEND_MS = 10_000
/** Counters that stay when there is no room; twice as many are the most. */
const KEPT = 200
/** Members of a sorted set in Redis, and the most that are sent at once. */
export const MOST_DENIED = 100
/** The counts of a minute stay this long after the last process added to them. */
const LASTS_MS = 400_000
const MINUTE_MS = 60_000

/** The minute whose counts a process adds to, by its own clock. */
export function minuteOf(nowMs: number): number {
  return Math.floor(nowMs / MINUTE_MS)
}

interface Counter {
  count: number
}

/**
 * The algorithm of Misra and Gries (1982), in steps: when all counters are in use, the count of rank 201 is subtracted from all of them, and
 * those at 0 or below are dropped. So a count is never too large, and too small by at most 1/201 of all denials since the last send.
 *
 * Cost: a denial costs two look-ups in maps. At most one script call in ten seconds, none without denials. What Redis did not take is lost.
 */
export function createDenials({ name, keys, hashSubjects, onClose, send }: DenialsContext): Denials {
  let byRule = new Map<string, Map<string, Counter>>()
  let counters = 0
  /** What was subtracted. */
  let lacks = 0
  let timer: NodeJS.Timeout | undefined
  let unregister: (() => void) | undefined
  let closed = false

  function add(rule: string, text: string): void {
    const counted = byRule.get(rule) ?? new Map<string, Counter>()
    byRule.set(rule, counted)
    counted.set(text, { count: 1 })
    counters += 1
    if (counters > 2 * KEPT) makeRoom()
    if (timer !== undefined) return
    // After close() it is called at once.
    unregister = onClose(end)
    if (closed) clear()
    else timer = detached(() => setTimeout(() => void sendAll(), SEND_MS).unref())
  }

  function makeRoom(): void {
    const by = ranked()[KEPT]?.count ?? 0
    lacks += by
    for (const [rule, counted] of byRule) {
      for (const [text, counter] of counted) {
        counter.count -= by
        if (counter.count > 0) continue
        counted.delete(text)
        counters -= 1
      }
      if (counted.size === 0) byRule.delete(rule)
    }
  }

  function ranked(): { readonly rule: string; readonly text: string; readonly count: number }[] {
    return [...byRule]
      .flatMap(([rule, counted]) => [...counted].map(([text, { count }]) => ({ rule, text, count })))
      .toSorted((a, b) => b.count - a.count)
  }

  function clear(): void {
    clearTimeout(timer)
    timer = undefined
    unregister?.()
    unregister = undefined
    byRule = new Map()
    counters = 0
    lacks = 0
  }

  async function sendAll(): Promise<void> {
    const all = ranked()
    const missing = lacks + (all[MOST_DENIED]?.count ?? 0)
    clear()
    if (all.length === 0) return
    const given = all
      .slice(0, MOST_DENIED)
      .flatMap(({ rule, text, count }) => [`${rule} ${storedOf(text, hashSubjects)}`, count])
    const key = keys.limitDenied(name, minuteOf(Date.now()))
    // Without Redis the counts are lost.
    await send(keys.route, key, JSON.stringify(given), missing, MOST_DENIED, LASTS_MS).catch(() => {})
  }

  async function end(): Promise<void> {
    closed = true
    await sendAll()
  }

  return {
    count(text, { blocked, rule: denying }) {
      if (closed) return
      const rule = blocked ? '' : denying
      const counter = byRule.get(rule)?.get(text)
      if (counter === undefined) add(rule, text)
      else counter.count += 1
    },
  }
}

/** From this size on, names of limiters that are gone are removed. */
const MANY_NAMES = 1000

/** Finds the denials of a limiter by a name, or creates them. */
export type DenialsByName = (id: string, create: () => Denials) => Denials

/**
 * Limiters that are created again and again with one name share their denials: those that wait to be sent would otherwise keep the memory of
 * each.
 */
export function createDenialsByName(): DenialsByName {
  const known = new Map<string, WeakRef<Denials>>()
  return (id, create) => {
    const found = known.get(id)?.deref()
    if (found) return found
    if (known.size >= MANY_NAMES) for (const [name, each] of known) if (!each.deref()) known.delete(name)
    const created = create()
    known.set(id, new WeakRef(created))
    return created
  }
}

/** A subject as names of keys have it: long texts, and with `hashSubjects` all, are hashes. */
function storedOf(text: string, hashed: boolean): string {
  const of = hashed ? digest : shortened
  if (!text.startsWith('{')) return of(text)
  const parts = JSON.parse(text) as Readonly<Record<string, string>>
  return JSON.stringify(Object.fromEntries(Object.entries(parts).map(([part, value]) => [part, of(value)])))
}
