import type { Period } from '../calendar.ts'
import { PenknifeError } from '../errors.ts'
import type { Gate } from '../redis/batch.ts'
import type { Safety } from '../redis/durable.ts'
import { readTime } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg, Script } from '../redis/script.ts'
import { type EffectTarget, textsOf } from './effect.ts'
import { layOut } from './layout.ts'
import type { Caller, Shape } from './shapes.ts'

/** A script of lua/record. */
export type RecordScript = Script<
  [keys: readonly string[], each: Arg, size: Arg, plan: Arg],
  [...own: string[], values: Arg],
  number | string
>

export interface CallerParts {
  readonly runtime: Runtime
  readonly title: string
  readonly script: RecordScript
  readonly shape: Shape
  /** Texts of the plan in front of its groups. */
  readonly plan: readonly (string | number)[]
  /** Keys in front of those of the shape. */
  readonly keys: readonly string[]
  /** Own keys of an item in front of those of its effects. */
  readonly own: number
  readonly safety: Safety | undefined
}

/**
 * The estimated microseconds of Redis that a script call may take. The time for large boards varies more: their nodes are seldom in the
 * processor's cache.
 */
const BUDGET = 800
const SMALL_BUDGET = 1400
/** What a script call costs beside its items, and how many items more its first one costs: what it reads is not in the processor's cache. */
const CALL_COST = 40
const FIRST_ITEM = 2
const MOST_ITEMS = 64
/** The first character of a reply about changes that were made, when all boards are small: see lua/_lib/record/effects.lua. */
const SMALL = '*'

/**
 * Calls a script with the keys of the current calendar periods. It repeats the call while more has expired, and with the keys of other
 * periods when Redis' clock is in them.
 */
export function createCaller(parts: CallerParts): Caller {
  const { runtime, title, script, shape, plan, keys, own, safety } = parts
  const { route } = runtime.keys
  const largeBatch = batchOf(shape.cost, BUDGET)
  const smallBatch = batchOf(shape.smallCost, SMALL_BUDGET)
  /** Boards count as large until a reply says otherwise. */
  const sized = { ...script, batch: largeBatch }
  const each = shape.groups.reduce((sum, { ownKeys }) => sum + ownKeys, own)
  const gate = gateOf(shape)
  let skew = 0
  let period: Period | undefined
  let once: readonly EffectTarget[] = []
  let port: Port<[...own: string[], values: Arg], number | string> | undefined

  function present(): NonNullable<typeof port> {
    const nowMs = period && period.endMs === Infinity && period.startMs === -Infinity ? 0 : Date.now() + skew
    if (port && period && (nowMs === 0 || (nowMs >= period.startMs && nowMs < period.endMs))) return port
    const layout = layOut(shape, Date.now() + skew, keys, own)
    const texts = [...plan, ...layout.plan]
    const shared: [readonly string[], Arg, Arg, Arg] = [layout.keys, each, texts.length, textsOf(...texts)]
    port = safety
      ? runtime.bindDurable(sized, shared, safety, title)
      : runtime.bind(sized, shared, undefined, title, undefined, undefined, gate)
    period = layout.period
    once = layout.once
    return port
  }

  /** Takes a reply: the text, or undefined when the call must be repeated. */
  function taken(reply: number | string, during: Period | undefined): string | undefined {
    if (typeof reply === 'string') {
      const first = reply.charAt(0)
      if (first !== '+' && first !== SMALL) return reply
      sized.batch = first === SMALL ? smallBatch : largeBatch
      if (once.length > 0) {
        for (const { made } of once) made?.()
        once = []
        port = undefined
      }
      return first === SMALL ? `+${reply.slice(1)}` : reply
    }
    if (reply !== 0) {
      skew = Math.floor(readTime(script.name, reply) / 1000) - Date.now()
      // Only one of the calls under way computes the layout again, because that is slow.
      if (period === during) port = undefined
    }
    return undefined
  }

  async function repeat(ownKeys: readonly string[], values: string, first: number): Promise<string> {
    let reply: number | string = first
    for (let corrections = 0; ;) {
      if (reply !== 0 && ++corrections > 3) {
        throw new PenknifeError(
          'PENKNIFE_UNAVAILABLE',
          `${title}: the clock of Redis moved to another period in each of 3 attempts; it shows ${new Date(Number(reply) / 1000).toISOString()}`,
        )
      }
      if (safety) await gate?.()
      const send = present()
      const during = period
      reply = await send(route, ...ownKeys, values)
      const text = taken(reply, during)
      if (text !== undefined) return text
    }
  }

  return (ownKeys, values) => {
    const opening = safety && gate?.()
    if (opening) return opening.then(() => repeat(ownKeys, values, 0))
    const send = present()
    const during = period
    // The usual case needs no other promise than that of the script call.
    return new Promise((resolve, reject) => {
      const received = (reply: number | string): void => {
        const text = taken(reply, during)
        if (text !== undefined) resolve(text)
        else repeat(ownKeys, values, reply as number).then(resolve, reject)
      }
      send.to({ received, failed: reject }, route, ...ownKeys, values)
    })
  }
}

/** How many items of a cost may share a script call. */
function batchOf(cost: number, budget: number): number {
  return Math.max(1, Math.min(MOST_ITEMS, Math.floor((budget - CALL_COST) / cost) - FIRST_ITEM))
}

/** Open when the gates of all targets are. */
function gateOf({ targets }: Shape): Gate | undefined {
  const gates = targets.flatMap(({ gate }) => gate ?? [])
  if (gates.length === 0) return undefined
  return () => {
    let opening: Promise<void>[] | undefined
    for (const gate of gates) {
      const one = gate()
      if (one) (opening ??= []).push(one)
    }
    return opening && Promise.all(opening).then(() => {})
  }
}
