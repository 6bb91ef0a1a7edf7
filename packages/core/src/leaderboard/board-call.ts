import type { Period } from '../calendar.ts'
import { PenknifeError } from '../errors.ts'
import { readTime } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg, Reply, Script, SharedArg } from '../redis/script.ts'
import type { Layout } from './windows.ts'

/** A board's estimate of Redis' clock: the clock of this process, corrected by times that Redis replied. */
export interface BoardClock {
  nowMs(): number
  /** Corrects the estimate by Redis' time in microseconds. */
  correct(us: number): void
}

export function createBoardClock(): BoardClock {
  let skew = 0
  return {
    nowMs: () => Date.now() + skew,
    correct(us) {
      skew = Math.floor(us / 1000) - Date.now()
    },
  }
}

/**
 * Calls a script with the keys of the current periods. It repeats the call while expired entries are left, and with the keys of
 * other periods when Redis' clock is in them. `items` is how many items may share a call.
 */
export type Call<Item extends readonly Arg[]> = (
  items: number,
  ...item: Item
) => Promise<Exclude<Reply, number>>

export function createCall<Item extends readonly Arg[]>(
  { bind, keys: { route } }: Runtime,
  script: Script<[keys: readonly string[], plan: Arg], Item, Reply>,
  clock: BoardClock,
  layout: (nowMs: number) => Layout,
): Call<Item> {
  let period: Period | undefined
  let current: Layout
  let ports = new Map<number, Port<Item, Reply>>()

  function port(items: number): Port<Item, Reply> {
    const nowMs = clock.nowMs()
    if (!period || nowMs >= period.endMs || nowMs < period.startMs) {
      current = layout(nowMs)
      period = current.period
      ports = new Map()
    }
    let found = ports.get(items)
    if (!found) {
      const shared: [readonly string[], Arg] & readonly SharedArg[] = [current.keys, current.plan]
      found = bind({ ...script, batch: items }, shared)
      ports.set(items, found)
    }
    return found
  }

  return async (items, ...item) => {
    for (let corrections = 0; ;) {
      const send = port(items)
      const during = period
      const reply = await send(route, ...item)
      if (typeof reply !== 'number') return reply
      if (reply === 0) continue
      const time = readTime(script.name, reply)
      if (++corrections > 3) {
        throw new PenknifeError(
          'PENKNIFE_UNAVAILABLE',
          `${script.name}: the clock of Redis moved to another period in each of 3 attempts; it shows ${new Date(time / 1000).toISOString()}`,
        )
      }
      clock.correct(time)
      // Only one of the calls under way computes the layout again, because that is slow.
      if (period === during) period = undefined
    }
  }
}
