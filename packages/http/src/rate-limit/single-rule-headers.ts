import type { LimiterDecision, LimiterRuleState, LimiterSubject } from '@penknife/core'

import type { Exchange } from '../exchange/exchange.ts'
import { secondsUp } from '../headers.ts'

// Fields with room for one rule: those of drafts 6 and 7, and the legacy ones.

export interface LegacyNames {
  readonly limit: string
  readonly remaining: string
  readonly reset: string
}

export const LEGACY_NAMES: LegacyNames = {
  limit: 'X-RateLimit-Limit',
  remaining: 'X-RateLimit-Remaining',
  reset: 'X-RateLimit-Reset',
}

/** The headers of a response that is being made. */
export type ResponseHeaders = Pick<Exchange, 'getHeader' | 'setHeader' | 'appendHeader'>

/** What a decision is about. */
export interface Charged {
  readonly cost: number
  readonly subject?: LimiterSubject | undefined
}

export type Writer = (response: ResponseHeaders, decision: LimiterDecision, charged: Charged) => void

/** Drafts up to 7 have no names for policies. */
export function writeOldPolicy(response: ResponseHeaders, { rules }: LimiterDecision): void {
  const members = rules.flatMap(({ limit, windowMs }) =>
    wholeSeconds(windowMs) === undefined ? [] : [`${limit};w=${wholeSeconds(windowMs)}`],
  )
  if (members.length > 0) response.appendHeader('RateLimit-Policy', members.join(', '))
}

export function writeDraft7(response: ResponseHeaders, decision: LimiterDecision): void {
  const written = /remaining=(\d+)/.exec(String(response.getHeader('RateLimit')))?.[1]
  const rule = tighter(decision, written)
  if (!rule) return
  const { limit, remaining, resetMs } = rule
  const reset = Number.isFinite(resetMs) ? `, reset=${secondsUp(resetMs)}` : ''
  response.setHeader('RateLimit', `limit=${limit}, remaining=${remaining}${reset}`)
}

export function writeDraft6(response: ResponseHeaders, decision: LimiterDecision): void {
  const rule = tighter(decision, response.getHeader('RateLimit-Remaining'))
  if (!rule) return
  response.setHeader('RateLimit-Limit', String(rule.limit))
  response.setHeader('RateLimit-Remaining', String(rule.remaining))
  if (Number.isFinite(rule.resetMs)) response.setHeader('RateLimit-Reset', String(secondsUp(rule.resetMs)))
}

/** The reset is in seconds since 1970, by this process' clock. */
export function legacyWriter(names: LegacyNames): Writer {
  return (response, decision) => {
    const rule = tighter(decision, response.getHeader(names.remaining))
    if (!rule) return
    response.setHeader(names.limit, String(rule.limit))
    response.setHeader(names.remaining, String(rule.remaining))
    if (Number.isFinite(rule.resetMs)) {
      response.setHeader(names.reset, String(secondsUp(Date.now() + rule.resetMs)))
    }
  }
}

/** The rules whose state is known. */
export function known({ decidedBy, rules }: LimiterDecision): readonly LimiterRuleState[] {
  return decidedBy === 'redis' || decidedBy === 'lease' || decidedBy === 'cache' ? rules : []
}

/** The binding rule, unless an earlier limiter wrote one with as few tokens left or fewer. */
function tighter(decision: LimiterDecision, written: unknown): LimiterRuleState | undefined {
  const binding = known(decision).find(({ name }) => name === decision.rule)
  return binding && !(written !== undefined && Number(written) <= binding.remaining) ? binding : undefined
}

export function wholeSeconds(windowMs: number | undefined): number | undefined {
  return windowMs !== undefined && windowMs % 1000 === 0 ? windowMs / 1000 : undefined
}
