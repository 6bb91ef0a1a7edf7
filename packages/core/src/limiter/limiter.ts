import { durationMs, LONGEST_DEADLINE_MS } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { reportRedeclared } from '../redeclared.ts'
import { badReply } from '../redis/failures.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { errorText } from '../text.ts'
import { createApart } from './apart.ts'
import { createControls } from './controls.ts'
import { createDeclaration, declarationText, within } from './declaration.ts'
import { blockedDecision, decide } from './decide.ts'
import { createDenyCache } from './deny-cache.ts'
import { type Ask, joinDecisions, takeInOrder } from './in-order.ts'
import { createLeaseIds, createMakeLease } from './leases.ts'
import {
  type Charge,
  createPlans,
  type Outcome,
  type PlainReply,
  type Plan,
  type PlanContext,
} from './plan.ts'
import { reserve } from './reserve.ts'
import { ruleInfo } from './rules.ts'
import { createLocate, subjectText } from './subjects.ts'
import { correctionOf, type Taken, together } from './taken.ts'
import type {
  Decision,
  Lease,
  RateLimiter,
  RateLimiterOptions,
  RedeclaredEvent,
  Subject,
  TakeOptions,
} from './types.ts'
import { createFallback } from './unavailable.ts'
import { createWaitingRoom } from './wait.ts'

const OPTIONS = [
  'name',
  'rules',
  'routeBy',
  'hashSubjects',
  'whenUnavailable',
  'deadline',
  'denyCache',
  'maxWaiters',
] as const

/**
 * Makes a rate limiter: one or several rules, each with an algorithm of its own, charged all or none in one script call,
 * across any number of processes. What each algorithm promises stands at its type (GcraRule and the others).
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createRateLimiter(space: Space, options: RateLimiterOptions): RateLimiter {
  checkOptions('createRateLimiter', options, OPTIONS)
  const name = checkName('name', options.name)
  const { keys, bind, breakers, policies, use, onCloseWaiting, movedTime } = runtimeOf(space)
  const deadlineMs = durationMs('deadline', options.deadline ?? 100, { max: LONGEST_DEADLINE_MS })
  const breaker = breakers.of(deadlineMs)
  const about = `limiter '${name}' of space '${space.name}'`
  const routeBy = options.routeBy === undefined ? undefined : checkName('routeBy', options.routeBy, 32)
  const { hashSubjects = false } = options
  if (typeof hashSubjects !== 'boolean') throw invalid('hashSubjects', hashSubjects, 'give true or false')
  const locate = createLocate(keys, routeBy, hashSubjects)
  const fallback = createFallback(options.whenUnavailable ?? 'open', locate)
  const bound: Omit<PlanContext, 'apart'> = {
    name,
    keys,
    locate,
    routeBy,
    check: (plan) => fallback.check(plan),
    bind: (script, shared) => bind(script, shared, deadlineMs, about, breaker),
  }
  const context: PlanContext = { ...bound, apart: createApart(bound) }
  const planOf = createPlans(context)
  const standing = planOf(options.rules)
  if (routeBy !== undefined && standing.rules[0]?.per === undefined) {
    throw invalid('routeBy', routeBy, "give every rule a 'per' to go with it, or leave it out")
  }
  const makeLease = createMakeLease(context)
  const nextLeaseId = createLeaseIds()
  const decisions = createTopic<{ limiter: string; subject: Subject; decision: Decision }>('penknife:limiter')
  const { denyCache = true } = options
  const cache =
    denyCache === false ? undefined : createDenyCache(denyCache === true ? {} : denyCache, movedTime)
  const maxWaiters = wholeNumber('maxWaiters', options.maxWaiters ?? 10_000, 1, 10_000_000)
  const room = createWaitingRoom(about, maxWaiters, onCloseWaiting, movedTime)
  use('limiter', name)
  const changes = createTopic<RedeclaredEvent>('penknife:limiter-declaration', { space: space.name })
  const declared = declarationText(standing.rules, { routeBy, hashSubjects })
  const declaration = createDeclaration({
    ...context,
    bind: (script, shared) => bind(script, shared, deadlineMs, about),
    bindBreaking: context.bind,
    title: about,
    rules: standing.rules,
    text: declared,
    onChange: (before) =>
      reportRedeclared(changes, { limiter: name }, { title: about, before, now: declared }),
  })

  function told(subject: Subject, decision: Decision): Decision {
    if (decisions.heard) decisions.emit({ limiter: name, subject, decision })
    return decision
  }

  /** A part of a subject is in many subjects: then nothing is known any more. */
  function onEased(subject: Subject): void {
    const text = typeof subject === 'string' ? subject : undefined
    cache?.forget(text)
    room.wake(text)
  }

  /** Whoever waits for a slot need not wait for the next look. */
  function noticed(subject: Subject, lease: Lease): Lease {
    return { ...lease, release: () => lease.release().finally(() => onEased(subject)) }
  }

  /** The fast scripts do not tell the time of a charge, which its correction needs. */
  const askRedis: Ask = async (charge, subject, cost, correctable) => {
    const fast = charge.plain && !correctable
    const answered = fast ? charge.read(await charge.ask(subject, cost), cost) : undefined
    const id = charge.leaseUs === undefined || cost === 0 ? '' : nextLeaseId()
    const outcome = answered ?? (await charge.take(subject, cost, id))
    if (outcome.kind === 'blocked') {
      return { decision: blockedDecision(charge.rules, outcome.endsInUs, outcome.reason) }
    }
    const decision = decide(charge.rules, outcome.allowed, outcome.told, cost)
    const correct = correctable ? correctionOf(charge, subject, outcome) : undefined
    const lease = id !== '' && outcome.allowed ? makeLease(charge, subject, id, outcome.told) : undefined
    return { decision: lease ? { ...decision, lease: noticed(subject, lease) } : decision, correct }
  }

  async function takeUnder(plan: Plan, subject: Subject, cost: number, correctable: boolean): Promise<Taken> {
    const { charges } = plan
    if (charges.length === 1) return askRedis(charges[0] as Charge, subject, cost, correctable)
    const order = plan.rules.map((rule) => rule.name)
    const taken = await takeInOrder(plan, subject, cost, correctable, askRedis)
    const decision = joinDecisions(
      order,
      taken.map((each) => each.decision),
    )
    const corrections = taken.flatMap(({ correct }) => correct ?? [])
    if (!decision.allowed || corrections.length === 0) return { decision }
    const correct: Taken['correct'] = (tokens) =>
      together(corrections.map((each) => each(tokens))).then((states) => states.flat())
    return { decision, correct }
  }

  async function ask(
    subject: Subject,
    taking: TakeOptions | undefined,
    correctable: boolean = false,
  ): Promise<Taken> {
    if (taking !== undefined) checkOptions('take', taking, ['cost', 'rules'])
    const { cost = 1, rules } = taking ?? {}
    const plan = rules === undefined ? standing : planOf(rules)
    wholeNumber('cost', cost, 0, plan.most)
    const remembered = cache && subjectText(subject, plan.parts)
    if (remembered !== undefined) {
      const denied = cache?.denied(remembered, plan.text, cost)
      if (denied !== undefined) return { decision: told(subject, denied.decision) }
    }
    try {
      const waiting = declaration.due ? checkRules(subject, plan) : undefined
      const asking = (): Promise<Taken> => takeUnder(plan, subject, cost, correctable)
      const taken = await (waiting ? within(deadlineMs, about, waiting.then(asking)) : asking())
      if (remembered !== undefined) cache?.learn(remembered, plan.text, cost, taken.decision)
      if (policies.any) policies.done(space.name, name)
      told(subject, taken.decision)
      return taken
    } catch (error) {
      return instead(plan, subject, cost, error)
    }
  }

  function checkRules(subject: Subject, { parts }: Plan): Promise<void> | undefined {
    // Nothing is sent for a wrong subject.
    subjectText(subject, parts)
    return declaration.check()
  }

  /** What is answered when Redis did not. */
  function instead(plan: Plan, subject: Subject, cost: number, error: unknown): Taken {
    // What Redis refuses, or answers in another way than it should, would otherwise fail every request.
    const failure = error instanceof PenknifeError ? error : badReply(about, errorText(error), error)
    if (failure.code === 'PENKNIFE_INVALID') throw failure
    const taken = fallback.decide(plan, subject, cost, failure)
    if (fallback.policy !== 'throw') {
      policies.decided({ space: space.name, limiter: name, policy: fallback.policy }, failure)
    }
    told(subject, taken.decision)
    return taken
  }

  const [only] = standing.charges as readonly [Charge]
  const plain = only.plain && standing.charges.length === 1 && only.parts[0] === undefined

  /** The decision about one token under the standing rules. */
  function finish(subject: string, outcome: Outcome): Decision {
    const decision =
      outcome.kind === 'blocked'
        ? blockedDecision(only.rules, outcome.endsInUs, outcome.reason)
        : decide(only.rules, outcome.allowed, outcome.told, 1)
    cache?.learn(subject, standing.text, 1, decision)
    if (policies.any) policies.done(space.name, name)
    return told(subject, decision)
  }

  /**
   * The common call, of one token under the standing rules, goes without a detour: it is most of what a process
   * spends on limits. A subject under attack comes no further than the first lines.
   */
  function take(subject: Subject, taking?: TakeOptions): Promise<Decision> {
    if (taking !== undefined || typeof subject !== 'string' || !plain) {
      return ask(subject, taking).then(decisionOf)
    }
    const denied = cache?.denied(subject, standing.text, 1)
    if (denied !== undefined) {
      told(subject, denied.decision)
      return denied.answer
    }
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        try {
          resolve(instead(standing, subject, 1, error).decision)
        } catch (final) {
          reject(final)
        }
      }
      const received = (reply: PlainReply): void => {
        const outcome = only.read(reply, 1)
        if (outcome) resolve(finish(subject, outcome))
        else
          only
            .take(subject, 1, '')
            .then((slower) => resolve(finish(subject, slower)))
            .catch(failed)
      }
      only.askFor({ received, failed }, subject, 1)
      // Plain rules are not refused.
      if (declaration.due) void declaration.check()
    })
  }

  const controls = createControls({ ...context, declaration, standing, planOf, onEased })
  return {
    name,
    rules: standing.rules.filter(({ shadow }) => !shadow).map(ruleInfo),
    on(listener) {
      if (typeof listener !== 'function') throw invalid('listener', listener, 'give a function')
      const ends = [breaker.on(listener), changes.on(listener)]
      return () => ends.forEach((end) => end())
    },
    take,
    async wait(subject, waiting = {}) {
      checkOptions('wait', waiting, ['cost', 'rules', 'maxWait', 'signal'])
      const { maxWait = 60_000, signal, ...taking } = waiting
      if (signal !== undefined && !isSignal(signal)) throw invalid('signal', signal, 'give an AbortSignal')
      const maxWaitMs = durationMs('maxWait', maxWait, { min: 0 })
      const { parts } = taking.rules === undefined ? standing : planOf(taking.rules)
      return room.wait(subjectText(subject, parts), {
        cost: taking.cost ?? 1,
        maxWaitMs,
        signal,
        ask: () => take(subject, taking),
      })
    },
    async reserve(subject, reserving) {
      checkOptions('reserve', reserving, ['cost', 'rules', 'expires'])
      return reserve(
        (taking) => ask(subject, taking, true),
        reserving,
        () => onEased(subject),
      )
    },
    ...controls,
  }
}

/** By what is used of it: a signal may come from another realm. */
function isSignal(value: unknown): value is AbortSignal {
  const { throwIfAborted, addEventListener } = value as Partial<AbortSignal>
  return typeof throwIfAborted === 'function' && typeof addEventListener === 'function'
}

function decisionOf({ decision }: Taken): Decision {
  return decision
}
