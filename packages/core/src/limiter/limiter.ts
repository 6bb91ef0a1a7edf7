import { durationMs, LONGEST_DEADLINE_MS } from '../duration.ts'
import { invalid, OUTAGES, PenknifeError } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkName, checkOptions, checkText, isText, wholeNumber } from '../options.ts'
import { digest } from '../redis/keys.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { limiterTake, limiterTakeAll } from '../redis/scripts.gen.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg } from '../redis/script.ts'
import { createDenyCache } from './deny-cache.ts'
import { type Bucket, decide, packRules, parseRules, policyDecision } from './rules.ts'
import type { Decision, RateLimiter, RateLimiterOptions, Subject, TakeOptions } from './types.ts'
import { createWaitingRoom } from './wait.ts'

/** The longest subject; up to 64 characters stand in the key as they are, longer ones hashed. */
const LONGEST_SUBJECT = 1024

/**
 * Makes a rate limiter: GCRA (Generic Cell Rate Algorithm, ITU-T I.371, in its exact leaky-bucket form) over one
 * or several rules, charged all or none.
 *
 * In any interval T a rule admits at most `burst + T * limit / window` tokens of a subject, across any number of
 * processes. Redis keeps one string of 16 + 16 bytes a rule for each subject, for at
 * most twice the time until the subject is rested, and a second.
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createRateLimiter(space: Space, options: RateLimiterOptions): RateLimiter {
  checkOptions('createRateLimiter', options, [
    'name',
    'rules',
    'whenUnavailable',
    'deadline',
    'denyCache',
    'maxWaiters',
  ])
  const name = checkName('name', options.name)
  const buckets = parseRules(options.rules)
  const policy = options.whenUnavailable ?? 'open'
  if (!['open', 'closed', 'throw'].includes(policy)) {
    throw invalid('whenUnavailable', policy, "give 'open', 'closed' or 'throw'")
  }
  const { keys, bind, breakers, use, onClose } = runtimeOf(space)
  const deadlineMs = durationMs('deadline', options.deadline ?? 100, { max: LONGEST_DEADLINE_MS })
  const breaker = breakers.of(deadlineMs)
  const about = `limiter '${name}' of space '${space.name}'`
  const [first, ...more] = buckets as readonly [Bucket, ...Bucket[]]
  const port: Port<[state: string, cost: Arg], number | readonly number[]> =
    more.length === 0
      ? bind(limiterTake, [first.limit, first.windowUs, first.capacity], deadlineMs, about, breaker)
      : bind(limiterTakeAll, [packRules(buckets)], deadlineMs, about, breaker)
  const smallest = Math.min(...buckets.map((bucket) => bucket.burst))
  // Other names are other rules, so their states never mix; other numbers under the same names keep the state.
  const signature = digest(buckets.map((bucket) => bucket.name).join(' ')).slice(1, 7)
  const decisions = createTopic<{ limiter: string; subject: Subject; decision: Decision }>('penknife:limiter')
  const { denyCache = false } = options
  const cache = denyCache === false ? undefined : createDenyCache(denyCache === true ? {} : denyCache)
  const room = createWaitingRoom(
    about,
    wholeNumber('maxWaiters', options.maxWaiters ?? 10_000, 1, 10_000_000),
  )
  onClose(async () => room.close())
  use('limiter')

  function told(subject: Subject, decision: Decision): Decision {
    if (decisions.heard) decisions.emit({ limiter: name, subject, decision })
    return decision
  }

  async function ask(given: Subject, taking: TakeOptions | undefined): Promise<Decision> {
    if (taking !== undefined) checkOptions('take', taking, ['cost'])
    const { cost = 1 } = taking ?? {}
    const subject = checkText('subject', given as string, LONGEST_SUBJECT)
    wholeNumber('cost', cost, 0, smallest)
    if (taking !== undefined) {
      const denied = cache?.denied(subject, signature, cost)
      if (denied !== undefined) return told(subject, denied.decision)
    }
    const { key, route } = keys.limiter(name, signature, subject)
    try {
      const decision = decide(buckets, await port(route, key, cost), cost)
      cache?.learn(subject, signature, cost, decision)
      return told(subject, decision)
    } catch (error) {
      if (policy === 'throw' || !isOutage(error)) throw error
      return told(subject, policyDecision(buckets, policy === 'open'))
    }
  }

  /** A subject under attack comes no further than the first lines: nothing is checked, made or sent. */
  function take(subject: Subject, taking?: TakeOptions): Promise<Decision> {
    if (cache !== undefined && taking === undefined) {
      const denied = cache.denied(subject as string, signature, 1)
      if (denied !== undefined) {
        told(subject, denied.decision)
        return denied.answer
      }
    }
    return ask(subject, taking)
  }

  return {
    name,
    rules: buckets.map(({ name: rule, algorithm, limit, windowMs, burst }) => ({
      name: rule,
      algorithm,
      limit,
      windowMs,
      burst,
    })),
    on: (listener) => breaker.on(listener),
    take,
    async wait(given, waiting = {}) {
      checkOptions('wait', waiting, ['cost', 'maxWait', 'signal'])
      const { maxWait = 60_000, signal, ...taking } = waiting
      const maxWaitMs = durationMs('maxWait', maxWait, { min: 0 })
      const subject = checkText('subject', given as string, LONGEST_SUBJECT)
      return room.wait(subject, {
        cost: taking.cost ?? 1,
        maxWaitMs,
        signal,
        ask: () => take(subject, taking),
      })
    },
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof PenknifeError && OUTAGES.has(error.code)
}

/** Whether a text can be a subject as it is. */
export function isSubject(text: string): boolean {
  return isText(text, LONGEST_SUBJECT)
}

/** A valid subject of bounded length that stands for any text, however hostile. */
export function hashSubject(text: string): string {
  return digest(text)
}
