import { PenknifeError } from '../errors.ts'
import { createLease } from '../lease.ts'
import type { Receiver } from '../redis/driver.ts'
import { badReply } from '../redis/failures.ts'
import type { Policies } from '../redis/policies.ts'
import { errorText } from '../text.ts'
import type { OnBans } from './ban.ts'
import type { Charge, ChargeRequest } from './charge.ts'
import { takeInOrder } from './charge-in-order.ts'
import type { Correct, Taken } from './correction.ts'
import type { Declaration } from './declaration.ts'
import { decisionOf } from './decision.ts'
import type { OnDecision } from './context.ts'
import type { LimiterDecision, LimiterLease } from './decision-types.ts'
import type { DenyCache } from './deny-cache.ts'
import type { Fallback } from './fallback.ts'
import type { SlotLease } from './leases.ts'
import type { Outcome } from './outcome.ts'
import type { Plan } from './plan.ts'
import type { LimiterSubject } from './types.ts'

/** The context of a call. */
export interface CallContext {
  readonly space: string
  readonly name: string
  /** Names the limiter in errors. */
  readonly title: string
  readonly deadlineMs: number
  readonly declaration: Declaration
  readonly cache: DenyCache | undefined
  readonly fallback: Fallback
  readonly policies: Policies
  readonly onDecision: OnDecision
  /** Called when a subject, or an unknown one, may have got tokens or slots back. */
  readonly onTokensBack: (subject: LimiterSubject) => void
  readonly onBans: OnBans | undefined
}

/** One call, from its charge to its decision. A class, because each call allocates one object instead of many closures. */
export class Call implements ChargeRequest, Receiver<Outcome> {
  readonly subject: LimiterSubject
  readonly cost: number
  readonly correctable: ChargeRequest['correctable']
  readonly #context: CallContext
  readonly #plan: Plan
  /** The subject as the caller gave it. */
  readonly #given: LimiterSubject
  /** The subject's key in the deny cache. */
  readonly #text: string
  #resolve!: (decision: LimiterDecision, correct: Correct | undefined) => void
  #reject!: (error: unknown) => void
  #settled = false

  constructor(
    context: CallContext,
    plan: Plan,
    given: LimiterSubject,
    subject: LimiterSubject,
    text: string,
    cost: number,
    correctable: ChargeRequest['correctable'],
  ) {
    this.#context = context
    this.#plan = plan
    this.#given = given
    this.subject = subject
    this.#text = text
    this.cost = cost
    this.correctable = correctable
  }

  send(
    resolve: (decision: LimiterDecision, correct: Correct | undefined) => void,
    reject: (error: unknown) => void,
  ): void {
    this.#resolve = resolve
    this.#reject = reject
    const { declaration } = this.#context
    if (declaration.awaited) this.#chargeWhen(declaration.check())
    else {
      this.#charge()
      if (declaration.due) void declaration.check()
    }
  }

  /** Charges after the rules were accepted. The deadline covers both steps. */
  #chargeWhen(accepted: Promise<void> | undefined): void {
    const { title, deadlineMs } = this.#context
    const text = `${title}: Redis did not answer within ${deadlineMs} ms; the call may still be carried out`
    const onTime = (): void => this.failed(new PenknifeError('PENKNIFE_TIMEOUT', text, { fate: 'unknown' }))
    // After a stall of this process the reply may have arrived already, and is read first.
    setTimeout(() => setImmediate(onTime), deadlineMs).unref()
    Promise.resolve(accepted)
      .then(() => {
        if (!this.#settled) this.#charge()
      })
      .catch((error: unknown) => this.failed(error))
  }

  #charge(): void {
    const { charges } = this.#plan
    if (charges.length === 1) {
      ;(charges[0] as Charge).take(this, this)
      return
    }
    takeInOrder(this.#plan, this.cost, this.correctable, (...request) => this.#take(...request))
      .then(({ decision, correct }) => this.#decided(decision, correct))
      .catch((error: unknown) => this.failed(error))
  }

  /** Makes one of several charges. */
  async #take(charge: Charge, cost: number, correctable: ChargeRequest['correctable']): Promise<Taken> {
    const { subject } = this
    const outcome = await new Promise<Outcome>((received, failed) =>
      charge.take({ subject, cost, correctable }, { received, failed }),
    )
    return this.#takenOf(charge, outcome, cost)
  }

  #takenOf({ rules }: Charge, outcome: Outcome, cost: number): Taken {
    const { onBans } = this.#context
    const decided = decisionOf(rules, outcome, cost)
    const decision = outcome.bans && onBans ? onBans(this.#given, decided, outcome.bans, rules) : decided
    if (outcome.kind === 'blocked') return { decision }
    const { correct, lease } = outcome
    return { decision: lease ? { ...decision, lease: this.#wakingLease(lease) } : decision, correct }
  }

  /** The lease, with a release that wakes the calls that wait for a slot. */
  #wakingLease({ leaseMs, renew, release }: SlotLease): LimiterLease {
    const { onTokensBack } = this.#context
    return { leaseMs, renew, ...createLease(() => release().finally(() => onTokensBack(this.#given))) }
  }

  /** Receives the outcome of a single charge. */
  received(outcome: Outcome): void {
    try {
      const { decision, correct } = this.#takenOf(this.#plan.charges[0] as Charge, outcome, this.cost)
      this.#decided(decision, correct)
    } catch (error) {
      this.failed(error)
    }
  }

  #decided(decision: LimiterDecision, correct: Correct | undefined): void {
    if (this.#settled) return
    const { space, name, cache, policies, onDecision } = this.#context
    cache?.learn(this.#text, this.#plan.text, this.cost, decision)
    if (policies.any) policies.done(space, name)
    onDecision(this.#given, decision, this.#text)
    this.#settled = true
    this.#resolve(decision, correct)
  }

  /** Lets `whenUnavailable` decide. */
  failed(error: unknown): void {
    if (this.#settled) return
    const { space, name, title, fallback, policies, onDecision } = this.#context
    // The policy also decides when Redis refuses a call or sends an unreadable reply; otherwise every request would fail.
    const failure = error instanceof PenknifeError ? error : badReply(title, errorText(error), error)
    try {
      if (failure.code === 'PENKNIFE_INVALID') throw failure
      const { decision, correct } = fallback.decide(this.#plan, this.subject, this.cost, failure)
      if (fallback.policy !== 'throw') {
        policies.decided({ space, name, policy: fallback.policy }, failure)
      }
      onDecision(this.#given, decision, this.#text)
      this.#resolve(decision, correct)
    } catch (final) {
      this.#reject(final)
    }
    this.#settled = true
  }
}
