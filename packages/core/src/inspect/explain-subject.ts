import { wholeNumber } from '../options.ts'
import { badReply, readTime } from '../redis/failures.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import type { Reply } from '../redis/script.ts'
import { limiterExplain } from '../redis/scripts.gen.ts'
import { rulesText } from '../limiter/charge-script.ts'
import { decisionOf } from '../limiter/decision.ts'
import type { LimiterDecision } from '../limiter/decision-types.ts'
import { readOptions } from '../limiter/options.ts'
import { readBlock, type Outcome } from '../limiter/outcome.ts'
import { parseRules } from '../limiter/parse-rules.ts'
import { LARGEST_COST } from '../limiter/plan.ts'
import type { KnownRule } from '../limiter/rule.ts'
import { createSubjectKeys } from '../limiter/subject-keys.ts'
import { checkSubject, createLocate } from '../limiter/subjects.ts'
import type { LimiterSubject, RateLimiterOptions } from '../limiter/types.ts'
import type { InspectedSubject } from './explain-types.ts'
import { spanText } from './spans.ts'

const BLOCKED = 2
const OTHER_PERIOD = 3

/**
 * Decides about a call of a subject as the limiter would, and charges nothing. One script call that only reads; one for each part of a
 * subject whose parts are stored in different places.
 */
export async function explainSubject(
  space: Space,
  name: string,
  options: RateLimiterOptions,
  subject: LimiterSubject,
  cost: number,
): Promise<InspectedSubject> {
  const settings = readOptions(options)
  const { routeBy, hashSubjects, place } = settings
  const rules = parseRules(settings.rules)
  wholeNumber('cost', cost, 1, LARGEST_COST)
  const runtime = runtimeOf(space)
  const title = `limiter '${name}' of space '${space.name}'`
  const context = {
    name,
    keys: runtime.keys,
    locate: createLocate(runtime.keys, routeBy, hashSubjects, place),
    routeBy,
    together: routeBy !== undefined || place === 'space',
    bind: ((script, shared) => runtime.bind(script, shared, undefined, title)) as typeof runtime.bind,
  }
  const parts = [...new Set(rules.map(({ per }) => per))]
  const needed = routeBy === undefined ? parts : [...new Set([...parts, routeBy])]
  const checked = checkSubject(subject, needed)
  const groups = context.together ? [parts] : parts.map((part) => [part])

  async function decide(charged: readonly KnownRule[]): Promise<LimiterDecision> {
    const subjectKeys = createSubjectKeys(context, charged)
    const { route, keys } = subjectKeys.all(checked)
    const ask = (nowMs: number): Promise<readonly Reply[]> =>
      context.bind(limiterExplain, [rulesText(charged, subjectKeys.numberOf, nowMs, undefined)])(
        route,
        ...([...keys, cost] as [...string[], number]),
      )
    let reply = await ask(Date.now())
    // Redis' time is outside of the calendar periods that were sent.
    if (reply[0] === OTHER_PERIOD)
      reply = await ask(Math.floor(readTime(limiterExplain.name, reply[1]) / 1000))
    return decisionOf(charged, outcomeOf(charged, reply), cost)
  }

  const decisions = await Promise.all(
    groups.map((group) => decide(rules.filter(({ per }) => group.includes(per)))),
  )
  return combine(space.name, name, decisions, cost)
}

function outcomeOf(rules: readonly KnownRule[], reply: readonly Reply[]): Outcome {
  if (reply[0] === BLOCKED) return readBlock(reply[1], reply[2])
  const size = rules.reduce((sum, rule) => sum + 1 + rule.stateSize, 0)
  const numbers = reply.slice(2)
  if (numbers.length !== size || !numbers.every((number) => typeof number === 'number'))
    throw badReply(limiterExplain.name, `it is not ${size} numbers of the rules`)
  return { kind: 'decided', allowed: reply[0] === 1, numbers }
}

function combine(
  space: string,
  limiter: string,
  decisions: readonly LimiterDecision[],
  cost: number,
): InspectedSubject {
  const allowed = decisions.every((decision) => decision.allowed)
  const blocked = decisions
    .flatMap((decision) => decision.blocked ?? [])
    .toSorted((a, b) => b.endsInMs - a.endsInMs)[0]
  const rules = decisions.flatMap((decision) => decision.rules)
  const violated = decisions.flatMap((decision) => decision.violated)
  const changesInMs = Math.max(0, ...decisions.map(({ retryAfterMs }) => retryAfterMs))
  const reason = allowed ? undefined : blocked ? (blocked.ban === undefined ? 'block' : 'ban') : 'rule'
  const denying = rules.filter(({ name }) => violated.includes(name))
  const numbers = denying
    .map((rule) => `rule '${rule.name}' has ${rule.remaining} of ${rule.burst} left`)
    .join(', ')
  const text = allowed
    ? `A call that costs ${cost} passes.`
    : blocked
      ? `It is ${blocked.ban === undefined ? 'blocked' : `banned (ban ${blocked.ban} in a row)`}: ${blocked.reason}. ${
          blocked.endsInMs === Infinity ? 'Until it is unblocked.' : `Ends in ${spanText(blocked.endsInMs)}.`
        }`
      : `A call that costs ${cost} is denied: ${numbers}. ${
          changesInMs === Infinity ? 'It never passes.' : `It can pass in ${spanText(changesInMs)}.`
        }`
  const shadow = decisions.flatMap((decision) => decision.shadow)
  return { space, limiter, allowed, reason, text, changesInMs, violated, rules, shadow, blocked }
}
