import type { BlockList } from 'node:net'

import { type LimiterDecision, type RateLimiter, type LimiterRule, type LimiterSubject } from '@penknife/core'
import { checkOptions, invalid } from '@penknife/core/internal'

import type { Reply } from '../answer.ts'
import type { Answered } from '../ask.ts'
import type { Exchange, Finish } from '../exchange/exchange.ts'
import type { Report } from '../warn.ts'
import { checkHeaderOptions } from './headers-for.ts'
import type { HeaderOptions } from './headers.ts'

/** @typeParam Context what the framework gives its middlewares: `exchange.context` in the callbacks */
export interface RateLimitOptions<Context = unknown> extends HeaderOptions {
  /**
   * The subject of a request. Default: the client's address as the framework resolved it, for IPv6 its network.
   *
   * Return an object for rules with `per`: `{ tenant, user, ip: ipKey(exchange.ip) }`. Any text is allowed, also text that a
   * client sent: text that is too long or unfit for a key is hashed. An empty or missing key or part is an error
   * (PENKNIFE_INVALID), so that requests without a key never share one quota.
   */
  readonly key?:
    | ((
        exchange: Exchange<Context>,
      ) => Answered<LimiterSubject | Readonly<Record<string, string | undefined>> | undefined>)
    | undefined
  /** How many bits of an IPv6 address the default key uses: 1 to 128. Refused together with `key`. Default: 64. */
  readonly ipv6Prefix?: number | undefined
  /** Tokens of a request: a whole number from 0 to the smallest burst; more is an error. Default: 1. */
  readonly cost?: number | ((exchange: Exchange<Context>) => Answered<number>) | undefined
  /**
   * The rules for this request, such as those of the client's plan; undefined means the limiter's own. Return the same array
   * for the same plan: an array is parsed once.
   */
  readonly rules?: ((exchange: Exchange<Context>) => Answered<readonly LimiterRule[] | undefined>) | undefined
  /**
   * Return (or resolve with) `true` to let a request pass without counting it. Anything but true and false is reported once, and
   * the request is counted. Default: count all.
   */
  readonly skip?: ((exchange: Exchange<Context>) => Answered<boolean>) | undefined
  /**
   * Addresses and networks (CIDR) that pass without being counted, a BlockList of node:net, or a function that returns whether the
   * request passes so. Default: none.
   */
  readonly allow?:
    | readonly string[]
    | BlockList
    | ((exchange: Exchange<Context>) => Answered<boolean>)
    | undefined
  /**
   * The same for requests that get 403, checked before `allow`. Costs no Redis command. A function must return true or false; any
   * other value is an error. Default: none.
   */
  readonly deny?:
    | readonly string[]
    | BlockList
    | ((exchange: Exchange<Context>) => Answered<boolean>)
    | undefined
  /**
   * Return `true` to give the tokens back after the request, less those that came back with time since it began. A login guard
   * uses `({ status }) => status < 400`.
   *
   * It is called once, when the response is finished or the client disconnected (`aborted`; status 499 without a response).
   * Anything but true and false, and an error, gives nothing back and is reported once.
   */
  readonly refundIf?: ((finish: Finish, exchange: Exchange<Context>) => Answered<boolean>) | undefined
  /**
   * Returns the tokens that the request really cost, once the response is finished or the client disconnected. `cost` is then an estimate:
   * what is left of it is given back as by `refundIf`, and what is missing is charged even above the limit. A subject owes at most twice a
   * rule's burst, so the next requests are denied until time has paid the debt. With `cost: 0` a request passes while nothing is owed.
   *
   *     costAfter: ({ status }) => (status >= 400 ? 2 : 1) // failures count double
   *
   * Anything but a whole number from 0, and an error, leaves the estimate charged and is reported once. Refused together with `refundIf`.
   */
  readonly costAfter?: ((finish: Finish, exchange: Exchange<Context>) => Answered<number>) | undefined
  /**
   * Called when a request took the last tokens: it passes, and one like it would be denied now. Called again each time the quota is
   * used up. For warnings and logs: an error is reported once and fails no request.
   */
  readonly onReached?: ((exchange: Exchange<Context>, decision: LimiterDecision) => unknown) | undefined
  /** Send the block's reason to a blocked client, as the problem's `detail`. Refused together with `onLimited`. Default: false. */
  readonly tellReason?: boolean | undefined
  /**
   * Creates the reply to a denied request; `Retry-After` is set already. A result that is not a reply with a status from 200 to
   * 599 is an error (PENKNIFE_INVALID). Default: 429 as problem+json.
   */
  readonly onLimited?:
    | ((exchange: Exchange<Context>, decision: LimiterDecision) => Answered<Reply>)
    | undefined
}

const OPTIONS = [
  'key',
  'ipv6Prefix',
  'cost',
  'rules',
  'skip',
  'allow',
  'deny',
  'refundIf',
  'costAfter',
  'onReached',
  'tellReason',
  'headers',
  'draft',
  'partitionKey',
  'legacyNames',
  'onLimited',
] as const
const FUNCTIONS = ['key', 'rules', 'skip', 'refundIf', 'costAfter', 'onReached', 'onLimited'] as const

export function checkRateLimit(limiter: RateLimiter, options: RateLimitOptions): void {
  if (typeof limiter?.take !== 'function') {
    throw invalid('rateLimit limiter', limiter, 'give a limiter made by createRateLimiter')
  }
  checkOptions('rateLimit', options, OPTIONS)
  for (const name of FUNCTIONS) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') {
      throw invalid(`rateLimit ${name}`, value, 'give a function of the exchange')
    }
  }
  checkCost(limiter, options)
  checkHeaderOptions('rateLimit', options)
  const { ipv6Prefix = 64, tellReason = false } = options
  if (!Number.isInteger(ipv6Prefix) || ipv6Prefix < 1 || ipv6Prefix > 128) {
    throw invalid('rateLimit ipv6Prefix', ipv6Prefix, 'give a whole number of bits from 1 to 128')
  }
  if (typeof tellReason !== 'boolean') {
    throw invalid('rateLimit tellReason', tellReason, 'give true or false')
  }
  checkTogether(options)
}

/** Checks a constant cost against the limiter's own rules now, not at the first request. */
function checkCost({ rules }: RateLimiter, { cost = 1, rules: ofRequest }: RateLimitOptions): void {
  if (typeof cost === 'function') return
  if (!Number.isInteger(cost) || cost < 0) {
    throw invalid('rateLimit cost', cost, 'give a whole number from 0, or a function of the exchange')
  }
  if (ofRequest || !Array.isArray(rules)) return
  const bursts = rules.filter(({ algorithm, limit }) => algorithm !== 'concurrency' && limit > 0)
  const tightest = bursts.toSorted((a, b) => a.burst - b.burst)[0]
  if (tightest && cost > tightest.burst) {
    throw invalid(
      'rateLimit cost',
      cost,
      `give at most ${tightest.burst}, the burst of the rule '${tightest.name}': no request could ever pass`,
    )
  }
}

/** Refuses options that have no effect together with others, because their author expects an effect. */
function checkTogether({
  key,
  ipv6Prefix,
  tellReason,
  onLimited,
  cost,
  refundIf,
  costAfter,
}: RateLimitOptions): void {
  if (refundIf && costAfter) {
    throw invalid(
      'rateLimit refundIf',
      refundIf,
      'leave it out: return 0 from costAfter to give all tokens back',
    )
  }
  if (key && ipv6Prefix !== undefined) {
    throw invalid(
      'rateLimit ipv6Prefix',
      ipv6Prefix,
      'it is for the default key: call ipKey(exchange.ip, prefix) in the key function instead',
    )
  }
  if (tellReason && onLimited) {
    throw invalid('rateLimit tellReason', tellReason, 'leave it out: onLimited makes the whole reply')
  }
  if (refundIf && cost === 0) {
    throw invalid('rateLimit refundIf', refundIf, 'leave it out: with cost 0 there is nothing to give back')
  }
}

/** Checks the result of a cost function. */
export function costOf(answer: unknown, option = 'cost'): number {
  if (Number.isInteger(answer) && (answer as number) >= 0) return answer as number
  throw invalid(`the answer of rateLimit ${option}`, answer, 'return a whole number from 0')
}

/** The result of `costAfter`. No caller can get its error: it is reported, and the result is undefined. */
export async function askCost(ask: () => unknown, report: Report): Promise<number | undefined> {
  try {
    return costOf(await ask(), 'costAfter')
  } catch (error) {
    report(error)
    return undefined
  }
}

/** Checks the result of a rules function; undefined means the limiter's own rules. */
export function rulesOf(answer: unknown): readonly LimiterRule[] | undefined {
  if (answer === undefined || Array.isArray(answer)) return answer
  throw invalid(
    'the answer of rateLimit rules',
    answer,
    "return a list of rules, or undefined for the limiter's own",
  )
}
