import { setTimeout as delay } from 'node:timers/promises'

import { isOutage, PenknifeError } from '../errors.ts'
import type { Effect } from '../record/effect.ts'
import { sameSpace } from '../record/shapes.ts'
import { takingOf } from '../record/takings.ts'
import { badReply, readTime } from '../redis/failures.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg, Script, SharedArg } from '../redis/script.ts'
import { limiterTakeForEntry, streamTakeTokens } from '../redis/scripts.gen.ts'
import type { TakeToken, TokenTake } from './limit-gate.ts'
import type { WorkerLimitDecision, WorkerLimiter } from './limit-types.ts'
import type { Scope } from './scope.ts'
import { SOURCES } from './sources.ts'

export interface TokenTakesOptions {
  readonly limiter: WorkerLimiter
  readonly group: string
  readonly consumer: string
  readonly sourceKeys: readonly string[]
}

type Send = Port<
  [...own: string[], where: Arg, place: Arg, used: Arg, fence: Arg, behind: Arg, pace: Arg],
  number | string
>

type FastSend = Port<[state: string, cost: Arg], number | string | null>

/** The scripts, bound to the rules at a time of Redis. */
interface Ports {
  /** For a limiter with a single GCRA rule: takes a token if the rule allows it. */
  readonly fast: FastSend | undefined
  readonly small: Send
  readonly large: Send
}

const RETRY_MS = 200
/** Entries with more characters are sent one by one, because a denied one is moved with its payload. */
const LARGE = 16_384
const ONE_BY_ONE = { ...streamTakeTokens, batch: 1 }
const MOST_CORRECTIONS = 3

/** Undefined for a limiter that one script of the stream cannot charge: the worker asks that before, see limit-gate.ts. */
export function createTokenTakes(
  scope: Scope,
  { limiter, group, consumer, sourceKeys }: TokenTakesOptions,
): TakeToken | undefined {
  const taking = takingOf(limiter)
  const { runtime, space, keys, route, stream, declared, order, title } = scope
  if (!taking || !sameSpace(taking, { runtime, space: space.name })) return undefined
  const { of: effectOf, bucket } = taking
  const shared = [...sourceKeys, keys.delayed(stream, group), ...scope.placesOf(group)]
  let ports: Ports | undefined
  let skew = 0

  function bind({ target }: Effect['parts']): Ports {
    const [rules = '', each = 0] = target.layout(Date.now() + skew).plan
    function bound<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
      script: Script<Shared, Item, Result>,
      values: Shared,
    ): Port<Item, Result> {
      return runtime.bind(script, values, undefined, title, undefined, undefined, target.gate)
    }
    const values = [shared, each, order?.places ?? 0, group, consumer, declared, rules] as const
    return (ports = {
      fast: bucket && bound(limiterTakeForEntry, [bucket]),
      small: bound(streamTakeTokens, [...values]),
      large: bound(ONE_BY_ONE, [...values]),
    })
  }

  function read({ parts }: Effect, reply: string): TokenTake {
    const kind = reply.charAt(0)
    if (reply === 'l') return { kind: 'lost' }
    const text = kind === '+' ? 1 : reply.indexOf(' ') + 1
    if (kind !== '+' && kind !== '-' && kind !== '=')
      throw badReply(streamTakeTokens.name, `'${reply}' is no answer`)
    // Reports the decision to who listens to the limiter.
    const { rule, blocked } = parts.read(reply.slice(text)) as WorkerLimitDecision
    if (kind === '+') return { kind: 'allowed' }
    const ms = Number(reply.slice(1, text - 1))
    return { kind: kind === '-' ? 'aside' : 'denied', ms, rule: blocked ? undefined : rule }
  }

  return async (entry, subject, { behindMs, paceMs }, mayRetry) => {
    const effect = effectOf(subject)
    const { parts } = effect
    const { source, position, keyed, attempt, fence, json } = entry
    const where = `${SOURCES[source]?.code}${position}`
    const own = parts.keys as readonly string[]
    const item = [
      where,
      keyed?.place ?? '',
      attempt - 1,
      fence,
      Math.round(behindMs),
      Math.round(paceMs * 1000) / 1000,
    ] as const
    parts.target.used?.()
    for (let corrections = 0; ;) {
      const used = ports ?? bind(parts)
      const send = (json?.length ?? 0) > LARGE ? used.large : used.small
      try {
        // A reply within the deadline: the entry was charged while its lease ran.
        const fast = performance.now() + runtime.deadlineMs < entry.leaseEndsAt ? used.fast : undefined
        const level = await fast?.(route, own[0] as string, 1)
        if (typeof level === 'number' && level >= 0) return read(effect, `+1 0 ${level}`)
        const reply = await send(route, ...own, ...item)
        if (typeof reply === 'string') return read(effect, reply)
        // Redis' time is outside of the calendar periods that were sent.
        skew = Math.floor(readTime(streamTakeTokens.name, reply) / 1000) - Date.now()
        if (ports === used) ports = undefined
      } catch (error) {
        if (!isOutage(error) || !mayRetry()) throw error
        await delay(RETRY_MS)
        continue
      }
      if (++corrections > MOST_CORRECTIONS) {
        throw new PenknifeError(
          'PENKNIFE_REJECTED',
          `${title}: the clock of Redis moved to another calendar period in each call`,
        )
      }
    }
  }
}
