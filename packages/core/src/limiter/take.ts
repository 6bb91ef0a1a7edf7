import { PenknifeError } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import type { Receiver } from '../redis/direct.ts'
import { badReply } from '../redis/failures.ts'
import type { Policies } from '../redis/policies.ts'
import { errorText } from '../text.ts'
import type { Charge, ChargeRequest } from './charge.ts'
import { takeInOrder } from './charge-in-order.ts'
import type { Correct, Taken } from './correction.ts'
import type { Declaration } from './declaration.ts'
import { decisionOf } from './decision.ts'
import type { Decision, Lease } from './decision-types.ts'
import type { DenyCache, Denied } from './deny-cache.ts'
import type { Outcome } from './outcome.ts'
import type { Plan, PlanOf } from './plan.ts'
import { checkSubject, subjectText } from './subjects.ts'
import type { Subject, TakeOptions } from './types.ts'
import type { Fallback } from './fallback.ts'

/** What a limiter decides with. */
export interface TakeContext {
  readonly space: string
  readonly name: string
  /** Names the limiter in errors. */
  readonly title: string
  readonly deadlineMs: number
  readonly declaration: Declaration
  /** The plan of the limiter's own rules. */
  readonly ownPlan: Plan
  readonly planOf: PlanOf
  readonly cache: DenyCache | undefined
  readonly fallback: Fallback
  readonly policies: Policies
  readonly onDecision: (subject: Subject, decision: Decision) => void
  /** Called when a subject, or any, may have got tokens or slots back. */
  readonly onEased: (subject: Subject) => void
}

export interface Takes {
  take(subject: Subject, options?: TakeOptions): Promise<Decision>
  /** As `take`, with what corrects the charge later. */
  takeCorrectable(subject: Subject, options: TakeOptions): Promise<Taken>
}

/**
 * The way of every decision: check the arguments, ask the deny cache, send the charge, read the reply, let the policy decide
 * when Redis did not, and tell listeners.
 */
export function createTakes(context: TakeContext): Takes {
  const { ownPlan, planOf, cache, onDecision } = context

  /** @throws PENKNIFE_INVALID for wrong arguments. */
  function begin(given: Subject, options: TakeOptions | undefined, correctable: boolean): Call | Denied {
    let [plan, cost] = [ownPlan, 1]
    if (options !== undefined) {
      checkOptions('take', options, OPTIONS)
      if (options.rules !== undefined) plan = planOf(options.rules)
      if (options.cost !== undefined) cost = wholeNumber('cost', options.cost, 0, plan.most)
    }
    const isText = plan.parts[0] === undefined
    const subject = isText ? given : checkSubject(given, plan.parts)
    const text = isText ? (given as string) : subjectText(subject)
    const denied = cache?.denied(text, plan.text, cost)
    if (denied !== undefined) {
      onDecision(given, denied.decision)
      return denied
    }
    // A text that the cache knows was checked before: a subject under attack costs no more than the look-up.
    if (isText) checkSubject(given, plan.parts)
    return new Call(context, plan, given, subject, text, cost, correctable)
  }

  return {
    take(subject, options) {
      let call: Call | Denied
      try {
        call = begin(subject, options, false)
      } catch (error) {
        return Promise.reject(error)
      }
      if (!(call instanceof Call)) return call.answer
      const asked = call
      return new Promise((resolve, reject) => asked.send(resolve, reject))
    },
    async takeCorrectable(subject, options) {
      const call = begin(subject, options, true)
      if (!(call instanceof Call)) return { decision: call.decision }
      return new Promise((resolve, reject) =>
        call.send((decision, correct) => resolve({ decision, correct }), reject),
      )
    },
  }
}

const OPTIONS = ['cost', 'rules'] as const

/** One call. A class, since it is one object where closures would be many: it is most of what a call allocates. */
class Call implements ChargeRequest, Receiver<Outcome> {
  readonly subject: Subject
  readonly cost: number
  readonly correctable: boolean
  readonly #context: TakeContext
  readonly #plan: Plan
  /** The subject as the caller gave it. */
  readonly #given: Subject
  /** The subject as the deny cache knows it. */
  readonly #text: string
  #resolve!: (decision: Decision, correct: Correct | undefined) => void
  #reject!: (error: unknown) => void
  #settled = false

  constructor(
    context: TakeContext,
    plan: Plan,
    given: Subject,
    subject: Subject,
    text: string,
    cost: number,
    correctable: boolean,
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
    resolve: (decision: Decision, correct: Correct | undefined) => void,
    reject: (error: unknown) => void,
  ): void {
    this.#resolve = resolve
    this.#reject = reject
    const { declaration } = this.#context
    if (declaration.awaited) this.#chargeOnce(declaration.check())
    else {
      this.#charge()
      if (declaration.due) void declaration.check()
    }
  }

  /** Charges once the rules were accepted; the deadline covers both. */
  #chargeOnce(accepted: Promise<void> | undefined): void {
    const { title, deadlineMs } = this.#context
    const text = `${title}: Redis did not answer within ${deadlineMs} ms; the call may still be carried out`
    const onTime = (): void => this.failed(new PenknifeError('PENKNIFE_TIMEOUT', text, { fate: 'unknown' }))
    setTimeout(onTime, deadlineMs).unref()
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

  /** One of several charges. */
  async #take(charge: Charge, cost: number, correctable: boolean): Promise<Taken> {
    const { subject } = this
    const outcome = await new Promise<Outcome>((received, failed) =>
      charge.take({ subject, cost, correctable }, { received, failed }),
    )
    return this.#takenOf(charge, outcome, cost)
  }

  #takenOf({ rules }: Charge, outcome: Outcome, cost: number): Taken {
    const decision = decisionOf(rules, outcome, cost)
    if (outcome.kind === 'blocked') return { decision }
    const { correct, lease } = outcome
    return { decision: lease ? { ...decision, lease: this.#watched(lease) } : decision, correct }
  }

  /** A lease whose release wakes the calls that wait for a slot. */
  #watched(lease: Lease): Lease {
    const { onEased } = this.#context
    return { ...lease, release: () => lease.release().finally(() => onEased(this.#given)) }
  }

  /** The outcome of the only charge. */
  received(outcome: Outcome): void {
    try {
      const { decision, correct } = this.#takenOf(this.#plan.charges[0] as Charge, outcome, this.cost)
      this.#decided(decision, correct)
    } catch (error) {
      this.failed(error)
    }
  }

  #decided(decision: Decision, correct: Correct | undefined): void {
    if (this.#settled) return
    const { space, name, cache, policies, onDecision } = this.#context
    cache?.learn(this.#text, this.#plan.text, this.cost, decision)
    if (policies.any) policies.done(space, name)
    onDecision(this.#given, decision)
    this.#settled = true
    this.#resolve(decision, correct)
  }

  /** Lets the policy decide. */
  failed(error: unknown): void {
    if (this.#settled) return
    const { space, name, title, fallback, policies, onDecision } = this.#context
    // What Redis refuses, or replies in another way than it should, would otherwise fail every request.
    const failure = error instanceof PenknifeError ? error : badReply(title, errorText(error), error)
    try {
      if (failure.code === 'PENKNIFE_INVALID') throw failure
      const { decision, correct } = fallback.decide(this.#plan, this.subject, this.cost, failure)
      if (fallback.policy !== 'throw') {
        policies.decided({ space, limiter: name, policy: fallback.policy }, failure)
      }
      onDecision(this.#given, decision)
      this.#resolve(decision, correct)
    } catch (final) {
      this.#reject(final)
    }
    this.#settled = true
  }
}
