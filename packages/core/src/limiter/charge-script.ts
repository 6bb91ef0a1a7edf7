import { PenknifeError } from '../errors.ts'
import { badReply, readTime } from '../redis/failures.ts'
import type { Route } from '../redis/keys.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg, Reply } from '../redis/script.ts'
import { limiterCharge } from '../redis/scripts.gen.ts'
import { type BanReport, readBans } from './ban.ts'
import type { LimiterContext } from './context.ts'
import { type Blocked, readBlock, type RuleNumbers } from './outcome.ts'
import type { KnownRule } from './rule.ts'
import type { RuleRegistry } from './rule-registry.ts'
import type { SubjectKeys } from './subject-keys.ts'

/** The decoded reply of charge.lua. */
export type ChargeReply =
  | Blocked
  | {
      readonly kind: 'decided'
      readonly allowed: boolean
      readonly numbers: RuleNumbers
      /** Redis' time of the decision, in microseconds. */
      readonly at: number
      readonly bans?: readonly BanReport[] | undefined
    }

/**
 * Calls charge.lua for a subject's keys. `tokens` below 0 are given back; `how` and `lease` are arguments of the script.
 */
export type ChargeCall = (
  where: { readonly route: Route; readonly keys: readonly string[] },
  tokens: number,
  how: string,
  lease: string,
) => Promise<ChargeReply>

/** Values of the reply's first number, besides 0 (denied) and 1 (allowed). */
const BLOCKED = 2
const OTHER_PERIOD = 3

/** Rules for lua/_lib/limiter/charging.lua, with the calendar periods at a time. */
export function rulesText(
  rules: readonly KnownRule[],
  numberOf: SubjectKeys['numberOf'],
  nowMs: number,
  leaseUs: number | undefined,
): string {
  return rules
    .map((rule) => {
      const [a, b = 0, c = 0, d = 0] = rule.parameters(nowMs)
      const second = rule.letter === 's' ? leaseUs : b
      return [rule.letter, numberOf(rule), rule.shadow ? 1 : 0, rule.id, a, second, c, d].join(' ')
    })
    .join('\n')
}

/** Binds charge.lua to rules. `leaseUs` is the length of the lease of their slots. */
export function bindCharge(
  { name, bind }: Pick<LimiterContext, 'name' | 'bind'>,
  registry: RuleRegistry,
  rules: readonly KnownRule[],
  numberOf: SubjectKeys['numberOf'],
  leaseUs: number | undefined,
): ChargeCall {
  const size = rules.reduce((sum, rule) => sum + 1 + rule.stateSize, 0)
  const bindAt = (
    nowMs: number,
  ): Port<[...places: string[], cost: Arg, how: Arg, lease: Arg], readonly Reply[]> => {
    return bind(limiterCharge, [rulesText(rules, numberOf, nowMs, leaseUs)])
  }
  let port = bindAt(Date.now())

  return async ({ route, keys }, tokens, how, lease) => {
    // Registered in the same tick, so that the charge does not wait for a second round trip.
    const registering = tokens > 0 ? registry.register(rules) : undefined
    const used = port
    const replied = used(route, ...keys, tokens, how, lease)
    if (registering) await Promise.allSettled([registering, replied])
    let reply = await replied
    if (reply[0] === OTHER_PERIOD) {
      // Redis' time is outside of the calendar periods that were sent. Another call may have bound the script again already.
      if (port === used) port = bindAt(Math.floor(readTime(limiterCharge.name, reply[1]) / 1000))
      reply = await port(route, ...keys, tokens, how, lease)
      if (reply[0] === OTHER_PERIOD) {
        throw new PenknifeError(
          'PENKNIFE_REJECTED',
          `limiter '${name}': the clock of Redis and that of this process differ by more than a calendar period`,
        )
      }
    }
    const bansFrom = reply[0] === BLOCKED ? 3 : 2 + size
    const bans = how.startsWith('ban') && reply.length > bansFrom ? readBans(reply, bansFrom) : undefined
    if (reply[0] === BLOCKED) return { ...readBlock(reply[1], reply[2]), bans }
    const numbers = reply.slice(2, bans && bansFrom)
    if (numbers.length !== size || !reply.every((number) => typeof number === 'number')) {
      throw badReply(limiterCharge.name, `it is not ${size} numbers of the rules`)
    }
    return {
      kind: 'decided',
      allowed: reply[0] === 1,
      numbers: numbers as RuleNumbers,
      at: reply[1] as number,
      bans,
    }
  }
}
