import { handOver, type Receiver } from '../redis/driver.ts'
import { type Ban, banText } from './ban.ts'
import type { Slots } from './algorithms/concurrency.ts'
import { bindCharge, type ChargeReply } from './charge-script.ts'
import type { LimiterContext } from './context.ts'
import { type CorrectableCharge, correctionText } from './correction.ts'
import { statesOf } from './decision.ts'
import type { LimiterRuleState } from './decision-types.ts'
import { bindFast, FastReceiver } from './fast-charge.ts'
import type { Leases } from './leases.ts'
import type { Outcome, RuleNumbers } from './outcome.ts'
import type { KnownRule } from './rule.ts'
import type { RuleRegistry } from './rule-registry.ts'
import { createSubjectKeys } from './subject-keys.ts'
import type { LimiterSubject } from './types.ts'

/** The arguments of one charge. */
export interface ChargeRequest {
  /** A checked subject. */
  readonly subject: LimiterSubject
  readonly cost: number
  /** Whether the charge may be corrected later. The fast scripts cannot be used then: they do not reply the time of the charge. */
  readonly correctable: boolean | 'lease'
}

/** The rules that one script call charges. */
export interface Charge {
  readonly rules: readonly KnownRule[]
  /** Takes tokens, and a slot of each concurrency rule, if every rule allows it. One script call. `received` must not throw. */
  take(request: ChargeRequest, receiver: Receiver<Outcome>): void
  /** Charges tokens even above the limit, or gives them back (fewer than 0). One script call. */
  add(subject: LimiterSubject, tokens: number): Promise<readonly LimiterRuleState[]>
  /** Sets how many tokens are used. One script call. */
  set(subject: LimiterSubject, used: number): Promise<readonly LimiterRuleState[]>
}

/** The context of charges. */
export interface ChargeContext extends LimiterContext {
  readonly registry: RuleRegistry
  readonly leases: Leases
  readonly ban: Ban | undefined
  /** Whether denied calls are charged. */
  readonly countDenied: boolean
}

export function createCharge(context: ChargeContext, rules: readonly KnownRule[]): Charge {
  const { bind, registry, leases, ban, countDenied } = context
  const leaseLengths = rules.flatMap((rule) => (rule.letter === 's' ? [(rule as Slots).leaseUs] : []))
  const leaseUs = leaseLengths.length === 0 ? undefined : Math.min(...leaseLengths)
  const keys = createSubjectKeys(context, rules)
  const call = bindCharge(context, registry, rules, keys.numberOf, leaseUs)
  const states = [...new Set(rules.map(({ per }) => per))]
  const taking = countDenied ? 'try' : 'take'
  const how = ban === undefined ? taking : banText(ban, taking, rules, states)
  const fast = how === 'take' ? bindFast(bind, rules) : undefined

  /** Whether each rule was charged: its numbers start with 1 if it was not. */
  function chargedOf(numbers: RuleNumbers): readonly boolean[] {
    let at = 0
    return rules.map(({ stateSize }) => {
      const charged = numbers[at] !== 1
      at += 1 + stateSize
      return charged
    })
  }

  async function add(
    subject: LimiterSubject,
    tokens: number,
    change: string,
  ): Promise<readonly LimiterRuleState[]> {
    const reply = await call(keys.all(subject), tokens, change, '')
    return reply.kind === 'decided' ? statesOf(rules, reply.numbers) : []
  }

  /** Takes tokens by charge.lua, which handles all rules and states. */
  async function sendCharge({ subject, cost, correctable }: ChargeRequest): Promise<Outcome> {
    const where = keys.all(subject)
    const id = leaseUs === undefined || cost === 0 ? '' : leases.nextId()
    const leased = correctable === 'lease'
    const reply: ChargeReply = await call(where, cost, leased ? 'lease' : how, id)
    if (reply.kind === 'blocked') return reply
    const { allowed, numbers, at, bans } = reply
    if (!allowed || (id === '' && correctable === false)) return { kind: 'decided', allowed, numbers, bans }
    const charged = chargedOf(numbers)
    const corrected: CorrectableCharge = { at, repliedAt: performance.now(), charged, leased }
    const slotKeys = rules.flatMap((rule, nth) =>
      rule.letter === 's' && charged[nth] ? [where.keys[keys.numberOf(rule) - 1] as string] : [],
    )
    return {
      kind: 'decided',
      allowed,
      numbers,
      bans,
      correct:
        correctable !== false ? (tokens) => add(subject, tokens, correctionText(corrected)) : undefined,
      lease:
        id !== '' && slotKeys.length > 0
          ? leases.create(where.route, slotKeys, id, leaseUs as number)
          : undefined,
    }
  }

  const takeByChargeScript = (request: ChargeRequest, receiver: Receiver<Outcome>): void =>
    handOver(sendCharge(request), receiver)

  return {
    rules,
    take(request, receiver) {
      if (fast === undefined || request.correctable !== false) {
        takeByChargeScript(request, receiver)
        return
      }
      const place = keys.firstPlace(request.subject)
      const fastReceiver = new FastReceiver(rules, request, receiver, takeByChargeScript)
      fast.to(fastReceiver, place.route, keys.firstKey(place), request.cost)
    },
    add: (subject, tokens) => add(subject, tokens, 'add'),
    set: (subject, used) => add(subject, used, 'set'),
  }
}
