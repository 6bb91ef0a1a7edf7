import { type LimiterLease, PenknifeError } from '@penknife/core'

import type { Exchange } from '../exchange/exchange.ts'
import { type Report, reportOnce } from '../warn.ts'

/**
 * Keeps a slot during the request: renews its lease, and releases it when the response is finished or the client disconnected.
 * The lease of a process that died expires.
 */
export function keepUntilEnd(exchange: Exchange, lease: LimiterLease, failed: Report): void {
  let timer: NodeJS.Timeout | undefined
  let ended = false

  function renewLater(): void {
    // A third of the lease, so that two renewals may fail before it expires.
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

/** Creates the function that reports, once, an error that kept tokens or slots from being given back. In an outage every request has one. */
export function createReport(): Report {
  const report = reportOnce(
    'PENKNIFE_RATE_LIMIT_OUTCOME',
    'tokens or slots of a finished request were not given back (tokens come back with time, slots when their lease expires)',
  )
  return (error) => {
    if (!(error instanceof PenknifeError && error.code === 'PENKNIFE_CLOSED')) report(error)
  }
}
