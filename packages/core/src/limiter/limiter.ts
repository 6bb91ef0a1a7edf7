import { durationMs } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkName, checkOptions, checkSignal } from '../options.ts'
import { withTaking } from '../record/takings.ts'
import { reportRedeclared } from '../redeclared.ts'
import { badReply } from '../redis/failures.ts'
import { limiterCountDenied } from '../redis/scripts.gen.ts'
import { errorText } from '../text.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { createOnBans } from './ban.ts'
import type { LimiterBannedEvent } from './ban-types.ts'
import type { ChargeContext } from './charge.ts'
import type { LimiterContext, OnDecision } from './context.ts'
import { createControls } from './controls.ts'
import { createDeclaration } from './declaration.ts'
import { declarationText } from './declaration-text.ts'
import { createDenials, createDenialsByName } from './denials.ts'
import { createDenyCache, onlyBlocks } from './deny-cache.ts'
import { createLeasedTake } from './leased-take.ts'
import { createLeases } from './leases.ts'
import { readOptions, registeredOf } from './options.ts'
import { createPlans } from './plan.ts'
import { reserve } from './reserve.ts'
import { createRuleRegistry } from './rule-registry.ts'
import { ruleInfo } from './parse-rules.ts'
import { checkSubject, createLocate, subjectText } from './subjects.ts'
import { createTakes, type TakeContext } from './take.ts'
import { createTaking } from './taking.ts'
import { createTokenLeases, forgetting, type TokenLeases } from './token-leases.ts'
import type {
  LimiterDecisionEvent,
  LimiterRedeclaredEvent,
  LimiterReservation,
  LimiterSubject,
  LimiterTokenLeaseOptions,
  RateLimiter,
  RateLimiterOptions,
} from './types.ts'
import { createFallback } from './fallback.ts'
import { bucketOf } from './fast-charge.ts'
import { createWaitQueues } from './wait.ts'
import { traced } from '../traced.ts'

const TAKE = traced('take')

/**
 * Creates a rate limiter with one or several rules, each with its own algorithm. One script call in Redis charges all rules
 * or none, for any number of processes. The guarantees of each algorithm are documented at its type (GcraRule and others).
 *
 * @param name part of the limiter's key names: 1 to 64 of `A-Z a-z 0-9 _ . -`.
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createRateLimiter(space: Space, name: string, options: RateLimiterOptions): RateLimiter {
  checkName('limiter name', name)
  const settings = readOptions(options)
  const { routeBy, hashSubjects, place, deadlineMs, denyCache, ban, countDenied } = settings
  const runtime = runtimeOf(space)
  const { keys, bind, breakers, policies, use, onClose, onCloseWaiting, movedTime, taps } = runtime
  const title = `limiter '${name}' of space '${space.name}'`
  const breaker = breakers.of(deadlineMs)
  const locate = createLocate(keys, routeBy, hashSubjects, place)
  const limiter: LimiterContext = {
    name,
    keys,
    locate,
    routeBy,
    together: routeBy !== undefined || place === 'space',
    bind: (script, shared) => bind(script, shared, deadlineMs, title, breaker),
  }
  const context: ChargeContext = {
    ...limiter,
    registry: createRuleRegistry(limiter),
    leases: createLeases(limiter),
    ban,
    countDenied,
  }
  const fallback = createFallback(settings.whenUnavailable, locate, countDenied)
  const planOf = createPlans(context, fallback.check)
  const ownPlan = planOf(settings.rules)
  const { rules } = ownPlan
  if (routeBy !== undefined && rules[0]?.per === undefined) {
    throw invalid('routeBy', routeBy, "give every rule a 'per' to go with it, or leave it out")
  }
  const slots = rules.find(({ letter }) => letter === 's')
  if (place === 'space' && slots) {
    throw invalid(
      'place',
      place,
      `rule '${slots.name}' gives slots, whose leases only take hands out; give that rule a limiter of its own`,
    )
  }
  const cached =
    denyCache === false ? undefined : createDenyCache(denyCache === true ? {} : denyCache, movedTime)
  const cache = cached && (ban || countDenied) ? onlyBlocks(cached) : cached
  const queues = createWaitQueues(title, settings.maxWaiters, onCloseWaiting, movedTime)
  use('limiter', name, registeredOf(options))

  const about = { space: space.name, name }
  const redeclared = createTopic<LimiterRedeclaredEvent>('penknife:limiter-declaration')
  const declared = declarationText(rules, { routeBy, hashSubjects, place, ban, countDenied })
  const declaration = createDeclaration({
    ...limiter,
    bind: (script, shared) => bind(script, shared, deadlineMs, title),
    bindBreaking: limiter.bind,
    title,
    rules,
    text: declared,
    onChange: (before) => reportRedeclared(redeclared, about, { title, before, now: declared }),
  })

  const decisions = createTopic<LimiterDecisionEvent>('penknife:limiter', taps)
  const denials = settings.reportDenied
    ? runtime.single(createDenialsByName)(`${space.name} ${name} ${hashSubjects}`, () =>
        createDenials({
          name,
          keys,
          hashSubjects,
          onClose,
          send: bind(limiterCountDenied, [], deadlineMs, title),
        }),
      )
    : undefined
  const onDecision: OnDecision = (subject, decision, text) => {
    if (!decision.allowed) denials?.count(text, decision)
    if (decisions.observed) decisions.emit({ kind: 'decision', ...about, subject, decision })
  }

  /** A part can belong to many subjects: a change of one part makes all cached denials uncertain. */
  function onTokensBack(subject: LimiterSubject): void {
    const one = typeof subject === 'string' ? subject : undefined
    cache?.forget(one)
    queues.wake(one)
  }
  function onLocal(error: unknown): void {
    const failure = error instanceof PenknifeError ? error : badReply(title, errorText(error), error)
    if (failure.code === 'PENKNIFE_INVALID') throw failure
    policies.decided({ ...about, policy: 'local' }, failure)
  }
  const banned = createTopic<LimiterBannedEvent>('penknife:limiter-ban', taps)
  const takeContext: TakeContext = {
    space: space.name,
    name,
    title,
    deadlineMs,
    declaration,
    ownPlan,
    planOf,
    cache,
    fallback,
    policies,
    onDecision,
    onTokensBack,
    onBans: ban && createOnBans(ban, about, banned),
  }
  const takes = createTakes(takeContext)
  const { takeCorrectable } = takes
  const leases = settings.lease && leaseTokens(settings.lease)

  function leaseTokens(leasing: LimiterTokenLeaseOptions): TokenLeases {
    // One of its own: the decision about a lease is none about a call.
    const charging = createTakes({ ...takeContext, onDecision: () => {} })
    return createTokenLeases(leasing, {
      plan: ownPlan,
      movedTime,
      onCloseWaiting,
      onDecision,
      lease: (subject, cost) => charging.takeCorrectable(subject, { cost }, true),
      takeOne: (subject, cost) => takes.take(subject, { cost }),
    })
  }

  const leased = createLeasedTake({ ownPlan, cache, leases, take: takes.take, onDecision })
  const { takeNow } = leased
  const take: RateLimiter['take'] = (subject, taking) =>
    TAKE.observed
      ? TAKE.follow({ ...about }, () => leased.take(subject, taking))
      : leased.take(subject, taking)

  const effect = createTaking({
    ...limiter,
    space: space.name,
    runtime,
    place,
    plan: ownPlan,
    registry: context.registry,
    declaration,
    onDecision,
  })

  const made: RateLimiter = {
    name,
    rules: rules.filter(({ shadow }) => !shadow).map(ruleInfo),
    on(listener) {
      if (typeof listener !== 'function') throw invalid('listener', listener, 'give a function')
      const ends = [
        breaker.on((event) => listener({ ...event, ...about })),
        redeclared.on(listener),
        banned.on(listener),
      ]
      return () => ends.forEach((end) => end())
    },
    take,
    takeNow,
    taking: effect,
    async wait(subject, waiting = {}) {
      checkOptions('wait', waiting, ['cost', 'rules', 'maxWait', 'signal'])
      const { maxWait = 60_000, signal, ...taking } = waiting
      checkSignal(signal)
      const maxWaitMs = durationMs('maxWait', maxWait, { min: 0 })
      const { parts } = taking.rules === undefined ? ownPlan : planOf(taking.rules)
      return queues.wait(subjectText(checkSubject(subject, parts)), {
        cost: taking.cost ?? 1,
        maxWaitMs,
        signal,
        ask: () => take(subject, taking),
      })
    },
    async reserve(subject, reserving) {
      checkOptions('reserve', reserving, ['cost', 'rules', 'expires'])
      const charge = (): Promise<LimiterReservation> =>
        reserve(
          (taking) => takeCorrectable(subject, taking),
          reserving,
          () => onTokensBack(subject),
        )
      return TAKE.observed ? TAKE.follow({ ...about }, charge) : charge()
    },
    ...forgetting(
      leases,
      createControls({
        ...context,
        declaration,
        ownPlan,
        planOf,
        local: fallback.local,
        onLocal,
        onTokensBack,
      }),
    ),
  }
  // What `taking` does not do, a worker would not do either: count denials, and use leased tokens.
  const whole = place === 'space' && !ban && !countDenied && !leases
  if (!whole) return made
  return withTaking(made, {
    space: space.name,
    runtime,
    bucket: bucketOf(rules),
    of: (subject) => effect(subject),
  })
}
