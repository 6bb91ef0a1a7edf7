import type { LimiterDecision, LimiterRuleState } from '@penknife/core'

import type { Exchange } from '../exchange/exchange.ts'
import { secondsUp } from '../headers.ts'

/** The header fields that describe the limit to the client. */
export interface HeaderOptions {
  /** The fields of the draft, `X-RateLimit-*` (legacy), both, or none. Default: 'draft'. */
  readonly headers?: 'draft' | 'legacy' | 'both' | 'none'
  /**
   * Which version of draft-ietf-httpapi-ratelimit-headers. Default: 11.
   *
   * - 11, also for 8 to 10: `RateLimit: "burst";r=50;t=30`
   * - 'next', the editors' current draft: `RateLimit: "burst";a=50;w=30;c=1`
   * - 7: `RateLimit: limit=100, remaining=50, reset=30`
   * - 6: `RateLimit-Limit: 100`, `RateLimit-Remaining: 50`, `RateLimit-Reset: 30`
   */
  readonly draft?: 6 | 7 | 11 | 'next'
}

export const HEADERS = ['draft', 'legacy', 'both', 'none'] as const
export const DRAFTS = [6, 7, 11, 'next'] as const

/** The headers of a response that is being made. */
type ResponseHeaders = Pick<Exchange, 'getHeader' | 'setHeader' | 'appendHeader'>

type Writer = (response: ResponseHeaders, decision: LimiterDecision, cost: number) => void

/**
 * Creates the function that writes a decision into the response as structured fields (RFC 9651). Names of rules need no escape,
 * and their numbers are whole and have fewer than fifteen digits.
 *
 * Several limiters of one request add their rules to the same lists. Fields with room for one rule (legacy, drafts 6 and 7)
 * contain the binding rule of the limiter with the fewest tokens left. A decision made without Redis writes the policy only.
 */
export function headerWriter({ headers = 'draft', draft = 11 }: HeaderOptions): Writer {
  const writers: Writer[] = []
  if (headers === 'draft' || headers === 'both') writers.push(...DRAFT_WRITERS[draft])
  if (headers === 'legacy' || headers === 'both') writers.push(writeLegacy)
  return (response, decision, cost) => {
    for (const write of writers) write(response, decision, cost)
  }
}

/** The quoted names of the members of a list. */
const MEMBER_NAME = /(?:^|,)\s*"([^"]*)"/g

/**
 * Renames rules whose names an earlier limiter wrote into this response: 'minute' becomes `<limiter>.minute`, so that a client
 * does not confuse two quotas.
 */
export function distinctNames(
  response: ResponseHeaders,
  decision: LimiterDecision,
  limiter: string,
): LimiterDecision {
  const before = response.getHeader('RateLimit-Policy')
  if (before === undefined) return decision
  const taken = new Set(Array.from(String(before).matchAll(MEMBER_NAME), ([, name]) => name))
  const names = new Map(decision.rules.map(({ name }) => [name, freeName(taken, name, limiter)]))
  const renamed = (name: string): string => names.get(name) ?? name
  return {
    ...decision,
    rule: renamed(decision.rule),
    violated: decision.violated.map(renamed),
    rules: decision.rules.map((rule) => ({ ...rule, name: renamed(rule.name) })),
  }
}

function freeName(taken: Set<string | undefined>, name: string, limiter: string): string {
  let free = name
  for (let nth = 1; taken.has(free); nth++)
    free = nth === 1 ? `${limiter}.${name}` : `${limiter}.${name}-${nth}`
  taken.add(free)
  return free
}

const DRAFT_WRITERS: Readonly<Record<NonNullable<HeaderOptions['draft']>, readonly Writer[]>> = {
  6: [writeOldPolicy, writeDraft6],
  7: [writeOldPolicy, writeDraft7],
  11: [writePolicy, writeLimit],
  next: [writePolicy, writeLimitOfNext],
}

/**
 * `q` tokens in each window of `w` seconds. A window that is not a whole number of seconds is left out, not rounded.
 *
 * A concurrency rule has no window and no time at which a slot is free.
 */
function writePolicy(response: ResponseHeaders, { rules }: LimiterDecision): void {
  if (rules.length > 0) response.appendHeader('RateLimit-Policy', rules.map(policyMember).join(', '))
}

function policyMember(rule: LimiterRuleState): string {
  const unit = isConcurrency(rule) ? ';qu="concurrent-requests"' : ''
  const seconds = wholeSeconds(rule.windowMs)
  return `"${rule.name}";q=${rule.limit}${unit}${seconds === undefined ? '' : `;w=${seconds}`}`
}

/** `r` tokens are left, and one more is available after `t` seconds. */
function writeLimit(response: ResponseHeaders, decision: LimiterDecision): void {
  const rules = known(decision)
  if (rules.length > 0) response.appendHeader('RateLimit', rules.map(limitMember).join(', '))
}

function limitMember(rule: LimiterRuleState): string {
  return `"${rule.name}";r=${rule.remaining}${comesBack(rule) ? `;t=${secondsUp(rule.nextMs)}` : ''}`
}

function writeLimitOfNext(response: ResponseHeaders, decision: LimiterDecision, cost: number): void {
  const members = known(decision).map((rule) => {
    const window = comesBack(rule) ? `;w=${secondsUp(rule.nextMs)}` : ''
    return `"${rule.name}";a=${rule.remaining}${window};c=${cost}`
  })
  if (members.length > 0) response.appendHeader('RateLimit', members.join(', '))
}

/** Drafts up to 7 have no names for policies. */
function writeOldPolicy(response: ResponseHeaders, { rules }: LimiterDecision): void {
  const members = rules.flatMap(({ limit, windowMs }) =>
    wholeSeconds(windowMs) === undefined ? [] : [`${limit};w=${wholeSeconds(windowMs)}`],
  )
  if (members.length > 0) response.appendHeader('RateLimit-Policy', members.join(', '))
}

function writeDraft7(response: ResponseHeaders, decision: LimiterDecision): void {
  const written = /remaining=(\d+)/.exec(String(response.getHeader('RateLimit')))?.[1]
  const rule = tighter(decision, written)
  if (!rule) return
  const { limit, remaining, resetMs } = rule
  const reset = Number.isFinite(resetMs) ? `, reset=${secondsUp(resetMs)}` : ''
  response.setHeader('RateLimit', `limit=${limit}, remaining=${remaining}${reset}`)
}

function writeDraft6(response: ResponseHeaders, decision: LimiterDecision): void {
  const rule = tighter(decision, response.getHeader('RateLimit-Remaining'))
  if (!rule) return
  response.setHeader('RateLimit-Limit', String(rule.limit))
  response.setHeader('RateLimit-Remaining', String(rule.remaining))
  if (Number.isFinite(rule.resetMs)) response.setHeader('RateLimit-Reset', String(secondsUp(rule.resetMs)))
}

/** `X-RateLimit-Reset` is in seconds since 1970, by this process' clock. */
function writeLegacy(response: ResponseHeaders, decision: LimiterDecision): void {
  const rule = tighter(decision, response.getHeader('X-RateLimit-Remaining'))
  if (!rule) return
  response.setHeader('X-RateLimit-Limit', String(rule.limit))
  response.setHeader('X-RateLimit-Remaining', String(rule.remaining))
  if (Number.isFinite(rule.resetMs)) {
    response.setHeader('X-RateLimit-Reset', String(secondsUp(Date.now() + rule.resetMs)))
  }
}

/** The rules whose state is known. */
function known({ decidedBy, rules }: LimiterDecision): readonly LimiterRuleState[] {
  return decidedBy === 'redis' || decidedBy === 'cache' ? rules : []
}

/** The binding rule, unless an earlier limiter wrote one with as few tokens left or fewer. */
function tighter(decision: LimiterDecision, written: unknown): LimiterRuleState | undefined {
  const binding = known(decision).find(({ name }) => name === decision.rule)
  return binding && !(written !== undefined && Number(written) <= binding.remaining) ? binding : undefined
}

function wholeSeconds(windowMs: number | undefined): number | undefined {
  return windowMs !== undefined && windowMs % 1000 === 0 ? windowMs / 1000 : undefined
}

/** Whether tokens come back with time: not under a concurrency rule, nor under a limit of 0. */
function comesBack(rule: LimiterRuleState): boolean {
  return !isConcurrency(rule) && Number.isFinite(rule.nextMs)
}

function isConcurrency({ algorithm }: LimiterRuleState): boolean {
  return algorithm === 'concurrency'
}
