import { setTimeout as delay } from 'node:timers/promises'

import { isOutage, PenknifeError } from '../errors.ts'
import type { Effect } from '../record/effect.ts'
import { sameSpace } from '../record/shapes.ts'
import { takingOf } from '../record/takings.ts'
import { badReply, readTime } from '../redis/failures.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg } from '../redis/script.ts'
import { streamTakeTokens } from '../redis/scripts.gen.ts'
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
  const { of: effectOf } = taking
  const shared = [...sourceKeys, keys.delayed(stream, group), ...scope.placesOf(group)]
  /** The ports for small and for large entries, with the rules at a time of Redis. */
  let ports: readonly [small: Send, large: Send] | undefined
  let skew = 0

  function bind({ target }: Effect['parts']): NonNullable<typeof ports> {
    const [rules = '', each = 0] = target.layout(Date.now() + skew).plan
    const [small, large] = [streamTakeTokens, ONE_BY_ONE].map((script) =>
      runtime.bind(
        script,
        [shared, each, order?.places ?? 0, group, consumer, declared, rules],
        undefined,
        title,
        undefined,
        undefined,
        target.gate,
      ),
    ) as [Send, Send]
    return (ports = [small, large])
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
    const item = [
      `${SOURCES[source]?.code}${position}`,
      keyed?.place ?? '',
      attempt - 1,
      fence,
      Math.round(behindMs),
      Math.round(paceMs * 1000) / 1000,
    ] as const
    parts.target.used?.()
    for (let corrections = 0; ;) {
      const used = ports ?? bind(parts)
      const send = used[(json?.length ?? 0) > LARGE ? 1 : 0]
      try {
        const reply = await send(route, ...(parts.keys as readonly string[]), ...item)
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
