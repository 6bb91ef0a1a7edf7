import { type Lease, PenknifeError } from '@penknife/core'

import type { Exchange } from '../exchange/exchange.ts'
import { type Report, reportOnce } from '../warn.ts'

/**
 * Keeps a slot for as long as the request lasts: renewed before its lease ends, given back when the response is
 * finished or the client left. A process that dies renews nothing, and the lease runs out.
 */
export function keepUntilEnd(exchange: Exchange, lease: Lease, failed: Report): void {
  let timer: NodeJS.Timeout | undefined
  let ended = false

  function renewLater(): void {
    // A third, so that two renewals may fail before it ends.
    timer = setTimeout(renew, lease.leaseMs / 3).unref()
  }

  function renew(): void {
    lease.renew().then(
      (renewed) => renewed && !ended && renewLater(),
      () => !ended && renewLater(),
    )
  }

  renewLater()
  exchange.onFinish(() => {
    ended = true
    clearTimeout(timer)
    lease.release().catch(failed)
  })
}

/** Says once what keeps tokens or slots from being given back after a request; an outage would say it at each. */
export function createReport(): Report {
  const report = reportOnce(
    'PENKNIFE_RATE_LIMIT_OUTCOME',
    'what a finished request should give back stays charged (tokens come back with time, slots when their lease ends)',
  )
  return (error) => {
    if (!(error instanceof PenknifeError && error.code === 'PENKNIFE_CLOSED')) report(error)
  }
}
