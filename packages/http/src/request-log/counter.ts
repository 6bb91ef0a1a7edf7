import { runAsync } from '../ask.ts'
import { reportOnce } from '../warn.ts'

/** Counts lost entries, and reports them without a flood of reports. */
export interface LostCounter {
  /** One entry was lost by an error. */
  failed(error: unknown): void
  /** Entries were dropped. The first ones of each reason are reported, until `resume`. */
  dropped(reason: string | Error, entries: number): void
  /** Lets the next dropped entry of this reason be reported again. */
  resume(reason: string | Error): void
  /** Entries were lost; it is reported in any case. */
  lost(error: unknown, entries: number): void
  /** Reports an error by which nothing is lost yet. */
  noticed(error: unknown): void
}

/** @param onError of the application: it may be async, and may fail */
export function createCounter(onError: (error: unknown, lost: number) => unknown): LostCounter {
  const reportFailure = reportOnce('PENKNIFE_REQUEST_LOG', 'onError of requestLog failed')
  const dropping = new Set<string | Error>()
  let all = 0

  function report(error: unknown): void {
    const lostSoFar = all
    void runAsync(() => onError(error, lostSoFar), reportFailure)
  }

  function lost(error: unknown, entries: number): void {
    all += entries
    report(error)
  }

  return {
    failed: (error) => lost(error, 1),
    dropped(reason, entries) {
      all += entries
      if (dropping.has(reason)) return
      dropping.add(reason)
      report(typeof reason === 'string' ? new Error(reason) : reason)
    },
    resume: (reason) => void dropping.delete(reason),
    lost,
    noticed: report,
  }
}
