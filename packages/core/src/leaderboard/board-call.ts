import type { Period } from '../calendar.ts'
import { PenknifeError } from '../errors.ts'
import { readTime } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg, Reply, Script, SharedArg } from '../redis/script.ts'
import type { Layout } from './windows.ts'

/** What a board takes Redis' clock to be: this process' own, corrected when Redis said otherwise. */
export interface BoardClock {
  nowMs(): number
  /** Redis' time in microseconds. */
  learn(us: number): void
}

export function createBoardClock(): BoardClock {
  let skew = 0
  return {
    nowMs: () => Date.now() + skew,
    learn(us) {
      skew = Math.floor(us / 1000) - Date.now()
    },
  }
}

/**
 * Calls a script with the keys of the present periods: until nothing more had to leave a rolling window, and once more
 * when Redis' clock turned out to be in other periods. `items` is how many may share a call.
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
  let laid: Layout
  let ports = new Map<number, Port<Item, Reply>>()

  function port(items: number): Port<Item, Reply> {
    const nowMs = clock.nowMs()
    if (!period || nowMs >= period.endMs || nowMs < period.startMs) {
      laid = layout(nowMs)
      period = laid.period
      ports = new Map()
    }
    let found = ports.get(items)
    if (!found) {
      const shared: [readonly string[], Arg] & readonly SharedArg[] = [laid.keys, laid.plan]
      found = bind({ ...script, batch: items }, shared)
      ports.set(items, found)
    }
    return found
  }

  return async (items, ...item) => {
    for (let corrected = 0; ;) {
      const asked = port(items)
      const during = period
      const reply = await asked(route, ...item)
      if (typeof reply !== 'number') return reply
      if (reply === 0) continue
      const time = readTime(script.name, reply)
      if (++corrected > 3) {
        throw new PenknifeError(
          'PENKNIFE_UNAVAILABLE',
          `${script.name}: Redis' clock went from period to period while it was asked; it says ${new Date(time / 1000).toISOString()}`,
        )
      }
      clock.learn(time)
      // Once for all calls that were under way: laying out takes a while.
      if (period === during) period = undefined
    }
  }
}
