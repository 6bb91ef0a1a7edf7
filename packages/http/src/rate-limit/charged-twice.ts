import type { RateLimiter, LimiterSubject } from '@penknife/core'

import type { Exchange } from '../exchange/exchange.ts'
import { warnOnce } from '../warn.ts'

/** What a request was charged to before; on the exchange itself, since a WeakMap of all requests costs more. */
const CHARGES = Symbol('penknife.charges')

interface Charge {
  readonly limiter: RateLimiter
  readonly subject: LimiterSubject
  readonly before: Charge | undefined
}

/** Notes a charge of this request. Warns once for each limiter that charges one request twice to one subject. */
export function noteCharge(exchange: Exchange, limiter: RateLimiter, subject: LimiterSubject): void {
  const charged = exchange as Exchange & { [CHARGES]?: Charge }
  const before = charged[CHARGES]
  for (let charge = before; charge !== undefined; charge = charge.before) {
    if (charge.limiter === limiter && isSame(charge.subject, subject)) warnOfTwo(limiter)
  }
  charged[CHARGES] = { limiter, subject, before }
}

function isSame(a: LimiterSubject, b: LimiterSubject): boolean {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b))
}

function warnOfTwo({ name }: RateLimiter): void {
  warnOnce(
    'PENKNIFE_CHARGED_TWICE',
    name,
    `the limiter '${name}' charged one request twice to one subject: it is in two middlewares on the way of a ` +
      'request. Mount it once, or give each place a limiter with a name of its own',
  )
}
