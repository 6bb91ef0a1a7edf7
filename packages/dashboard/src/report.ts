import { reportFault } from '@penknife/core/internal'

/** Reports a fault of the application as a process warning. */
export type Report = (what: string, error: unknown) => void

const QUIET_MS = 60_000

/** Reports each kind of fault once a minute, so that a flood of requests does not flood the log. */
export function createReport(): Report {
  const last = new Map<string, number>()
  return (what, error) => {
    const now = performance.now()
    if (now - (last.get(what) ?? -Infinity) < QUIET_MS) return
    last.set(what, now)
    reportFault(what, error)
  }
}
