import type { Decision, RuleInfo } from '@penknife/core'

import type { Exchange } from '../exchange/exchange.ts'
import { listMember, secondsUp } from '../headers.ts'

/**
 * Writes `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): one list member for each
 * rule, added to those of limiters that came before.
 *
 * `q` tokens come back in each window of `w` seconds; `r` are left, and after `t` seconds there is more. A
 * window that is not of whole seconds is left out, not rounded. A decision made without Redis knows the policy
 * and nothing else.
 */
export function writeDraftHeaders(exchange: Exchange, decision: Decision, rules: readonly RuleInfo[]): void {
  exchange.appendHeader('RateLimit-Policy', rules.map(policyMember).join(', '))
  if (decision.decidedBy !== 'redis') return
  const members = decision.rules.map(({ name, remaining, nextMs }) =>
    listMember(name, { r: remaining, t: secondsUp(nextMs) }),
  )
  exchange.appendHeader('RateLimit', members.join(', '))
}

function policyMember({ name, limit, windowMs }: RuleInfo): string {
  return listMember(name, { q: limit, w: windowMs % 1000 === 0 ? windowMs / 1000 : undefined })
}

/**
 * Writes `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds since 1970, by this process' clock) for the
 * binding rule; of several limiters in one request the one with the least left is told.
 */
export function writeLegacyHeaders(exchange: Exchange, decision: Decision): void {
  const binding = decision.rules.find(({ name }) => name === decision.rule)
  if (!binding || decision.decidedBy !== 'redis') return
  const told = exchange.response.getHeader('X-RateLimit-Remaining')
  if (told !== undefined && Number(told) <= binding.remaining) return
  exchange.setHeader('X-RateLimit-Limit', String(binding.limit))
  exchange.setHeader('X-RateLimit-Remaining', String(binding.remaining))
  exchange.setHeader('X-RateLimit-Reset', String(secondsUp(Date.now() + binding.resetMs)))
}
