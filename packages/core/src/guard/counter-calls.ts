import type { EffectLayout } from '../record/effect.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg } from '../redis/script.ts'
import {
  guardAdd,
  guardCount,
  guardCounted,
  guardCountOnce,
  guardExpire,
  guardFencedCount,
  guardFencedSettle,
  guardReserve,
  guardSettle,
} from '../redis/scripts.gen.ts'
import type { CounterSettings } from './counter-options.ts'
import type { CheckedFence } from './fence.ts'
import { createLay, createPeriodCall, createRedisClock, type PeriodPlan } from './periods.ts'

const MOST_PERIODS = 4
const HOUR_MS = 3_600_000

/** What a call of counters may have besides its changes: keys and ids that were checked. */
export interface CounterCallTerms {
  /** The key of the first answer. */
  readonly once?: string | undefined
  readonly fence?: CheckedFence | undefined
}

/** What a script replied, and the beginning of the period whose keys, and those of the next one, it was given. */
export interface CounterReply {
  readonly reply: string
  readonly startMs: number
}

/** The script calls of one object of counters. */
export interface CounterCalls {
  /** Of the common call; undefined with a calendar, whose keys change. */
  readonly add: Port<[change: Arg], number | string> | undefined
  count(lines: string, terms: CounterCallTerms): Promise<CounterReply>
  /** `isNew`: no other reservation has the id. */
  reserve(
    lines: string,
    id: string,
    lastsMs: number,
    terms: CounterCallTerms & { readonly isNew: boolean },
  ): Promise<CounterReply>
  /** The keys and the plan of the counters as effects. */
  layout(nowMs: number): EffectLayout
  read(names: string): Promise<CounterReply>
  /** Milliseconds until the next reservation expires, after giving back those that did; at most until a new period begins. */
  expire(): Promise<number>
  /** `how`: "c" or "x", then the amounts. */
  settle(id: string, startMs: number, how: string, fence: CheckedFence | undefined): Promise<string>
}

export function createCounterCalls(
  runtime: Runtime,
  name: string,
  settings: CounterSettings,
  { channel, title }: { readonly channel: string; readonly title: string },
): CounterCalls {
  const { bind, keys } = runtime
  const { route } = keys
  const { floor, ceiling, initial, dedupMs, calendar } = settings
  const lay = createLay(calendar, (period) => keysOf(keys, name, period))
  const clock = createRedisClock()
  const how = { lay, clock, title }
  const planText = (times: readonly number[]): string =>
    `${[floor, ceiling, initial, dedupMs, ...times].join(' ')}\n${channel}`
  const shared = (plan: PeriodPlan): [readonly string[], string] => [plan.keys, planText(plan.times)]
  const sharedOnce = (plan: PeriodPlan): [readonly string[], string, number] => [...shared(plan), dedupMs]
  const count = createPeriodCall(runtime, guardCount, how, shared)
  const countOnce = createPeriodCall(runtime, guardCountOnce, how, sharedOnce)
  const reserve = createPeriodCall(runtime, guardReserve, how, shared)
  const fenced = createPeriodCall(runtime, guardFencedCount, how, sharedOnce)
  const counted = createPeriodCall(runtime, guardCounted, how, shared)
  const expire = createPeriodCall(runtime, guardExpire, how, shared)

  function bindSettle(startMs: number) {
    const { keys: own } = lay(startMs)
    return {
      plain: bind(guardSettle, [own, planText([])], undefined, title),
      fenced: bind(guardFencedSettle, [own, planText([]), calendar ? 2 : 1], undefined, title),
    }
  }

  /** Of the last periods that were asked for: calls through one port share a batch. */
  const settling = new Map<number, ReturnType<typeof bindSettle>>()

  function settlingOf(startMs: number): ReturnType<typeof bindSettle> {
    let ports = settling.get(startMs)
    if (!ports) {
      if (settling.size >= MOST_PERIODS) settling.clear()
      settling.set(startMs, (ports = bindSettle(startMs)))
    }
    return ports
  }

  return {
    add: calendar ? undefined : bind(guardAdd, [lay(0).keys, planText([])], undefined, title),
    count(lines, { once, fence }) {
      if (fence) return fenced(fence.key, once ?? fence.key, fence.token, lines, '', 0)
      return once === undefined ? count(lines) : countOnce(once, lines)
    },
    reserve(lines, id, lastsMs, { fence, isNew }) {
      if (fence) return fenced(fence.key, fence.key, fence.token, lines, id, lastsMs)
      return reserve(lines, id, isNew ? -lastsMs : lastsMs)
    },
    layout(nowMs) {
      const { keys: own, times, period } = lay(nowMs)
      return { keys: own, plan: [planText(times)], period }
    },
    read: counted,
    async expire() {
      const nowMs = clock.nowMs()
      const most = Math.min(HOUR_MS, Math.max(1, lay(nowMs).period.endMs - nowMs))
      return Number((await expire(Math.ceil(most))).reply)
    },
    async settle(id, startMs, ending, fence) {
      const ports = settlingOf(startMs)
      for (;;) {
        const reply = await (fence
          ? ports.fenced(route, fence.key, fence.token, id, ending)
          : ports.plain(route, id, ending))
        // 0: more had to be given back first.
        if (reply !== 0) return String(reply)
      }
    },
  }
}

/** Counters, expiry of reservations, reservations. */
function keysOf(keys: Runtime['keys'], name: string, period: string): readonly string[] {
  const of = period === '' ? [] : [period]
  return [
    keys.guard('counter', name, ...of),
    keys.guard('counter', name, ...of, 'expiring'),
    keys.guard('counter', name, ...of, 'reserved'),
  ]
}
