import { createHash } from 'node:crypto'

import type { LimiterDecision, LimiterRuleState, LimiterSubject } from '@penknife/core'

import { secondsUp } from '../headers.ts'
import {
  type Charged,
  known,
  LEGACY_NAMES,
  type LegacyNames,
  legacyWriter,
  type ResponseHeaders,
  wholeSeconds,
  writeDraft6,
  writeDraft7,
  writeOldPolicy,
  type Writer,
} from './single-rule-headers.ts'

/** The header fields that describe the limit to the client. */
export interface HeaderOptions {
  /** The fields of the draft, `X-RateLimit-*` (legacy), both, or none. Default: 'draft'. */
  readonly headers?: 'draft' | 'legacy' | 'both' | 'none' | undefined
  /**
   * Which version of draft-ietf-httpapi-ratelimit-headers. Default: 11.
   *
   * - 11, also for 8 to 10: `RateLimit: "burst";r=50;t=30`
   * - 'next', the editors' current draft: `RateLimit: "burst";a=50;w=30;c=1`
   * - 7: `RateLimit: limit=100, remaining=50, reset=30`
   * - 6: `RateLimit-Limit: 100`, `RateLimit-Remaining: 50`, `RateLimit-Reset: 30`
   */
  readonly draft?: 6 | 7 | 11 | 'next' | undefined
  /**
   * Whether `RateLimit-Policy` has the partition key of the draft: `pk`, a hash of the subject. So a client sees which of its requests
   * share a quota. For draft 11. Default: false.
   */
  readonly partitionKey?: boolean | undefined
  /** Other names for the legacy fields. Default: X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset. */
  readonly legacyNames?: Partial<LegacyNames> | undefined
}

export const HEADERS = ['draft', 'legacy', 'both', 'none'] as const
export const DRAFTS = [6, 7, 11, 'next'] as const

/**
 * Creates the function that writes a decision into the response as structured fields (RFC 9651). Names of rules need no escape,
 * and their numbers are whole and have fewer than fifteen digits.
 *
 * Several limiters of one request add their rules to the same lists. Fields with room for one rule (legacy, drafts 6 and 7)
 * contain the binding rule of the limiter with the fewest tokens left. A decision made without Redis writes the policy only.
 */
export function headerWriter(options: HeaderOptions): Writer {
  const { headers = 'draft', draft = 11, partitionKey = false, legacyNames } = options
  const writers: Writer[] = []
  if (headers === 'draft' || headers === 'both')
    writers.push(...(partitionKey ? [writePartitionedPolicy, writeLimit] : DRAFT_WRITERS[draft]))
  if (headers === 'legacy' || headers === 'both')
    writers.push(legacyWriter({ ...LEGACY_NAMES, ...legacyNames }))
  return (response, decision, charged) => {
    for (const write of writers) write(response, decision, charged)
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
  if (rules.length > 0)
    response.appendHeader('RateLimit-Policy', rules.map((rule) => policyMember(rule)).join(', '))
}

/** The same with the partition key: bytes, as RFC 9651 writes them. A hash, because a subject may be a secret of the application. */
function writePartitionedPolicy(
  response: ResponseHeaders,
  { rules }: LimiterDecision,
  { subject }: Charged,
): void {
  if (rules.length === 0) return
  const key = subject === undefined ? '' : `;pk=:${hashOf(subject)}:`
  const members = rules.map((rule) => `${policyMember(rule)}${key}`)
  response.appendHeader('RateLimit-Policy', members.join(', '))
}

/** 12 bytes in base64. The parts of an object count in any order. */
function hashOf(subject: LimiterSubject): string {
  const text =
    typeof subject === 'string'
      ? subject
      : JSON.stringify(Object.entries(subject).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return createHash('sha256').update(text).digest('base64').slice(0, 16)
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

function writeLimitOfNext(response: ResponseHeaders, decision: LimiterDecision, { cost }: Charged): void {
  const members = known(decision).map((rule) => {
    const window = comesBack(rule) ? `;w=${secondsUp(rule.nextMs)}` : ''
    return `"${rule.name}";a=${rule.remaining}${window};c=${cost}`
  })
  if (members.length > 0) response.appendHeader('RateLimit', members.join(', '))
}

/** Whether tokens come back with time: not under a concurrency rule, nor under a limit of 0. */
function comesBack(rule: LimiterRuleState): boolean {
  return !isConcurrency(rule) && Number.isFinite(rule.nextMs)
}

function isConcurrency({ algorithm }: LimiterRuleState): boolean {
  return algorithm === 'concurrency'
}
