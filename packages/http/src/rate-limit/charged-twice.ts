import type { RateLimiter, LimiterSubject } from '@penknife/core'

import type { Exchange } from '../exchange/exchange.ts'
import { warnOnce } from '../warn.ts'

/** The earlier charges of a request. Stored on the exchange, because a WeakMap of all requests costs more. */
const CHARGES = Symbol('penknife.charges')

interface Charge {
  readonly limiter: RateLimiter
  readonly subject: LimiterSubject
  readonly before: Charge | undefined
}

/** Records a charge of this request. Warns once for each limiter that charges one request twice for the same subject. */
export function recordCharge(exchange: Exchange, limiter: RateLimiter, subject: LimiterSubject): void {
  const charged = exchange as Exchange & { [CHARGES]?: Charge }
  const before = charged[CHARGES]
  for (let charge = before; charge !== undefined; charge = charge.before) {
    if (charge.limiter === limiter && isSame(charge.subject, subject)) warnOfDoubleCharge(limiter)
  }
  charged[CHARGES] = { limiter, subject, before }
}

function isSame(a: LimiterSubject, b: LimiterSubject): boolean {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b))
}

function warnOfDoubleCharge({ name }: RateLimiter): void {
  warnOnce(
    'PENKNIFE_CHARGED_TWICE',
    name,
    `limiter '${name}' charged one request twice for the same subject, because two middlewares use it. ` +
      'Mount it once, or create a limiter with another name for each place',
  )
}
