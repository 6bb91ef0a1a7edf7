import { LONGEST_DEADLINE_MS } from '../duration.ts'

/** A call of a handler, as long as it may take. Only `call-deadlines.ts` changes it. */
export interface TimedCall {
  /** When it has taken too long, by the clock of this process; Infinity without a limit and before its time began, 0 when it is over. */
  endsAt: number
  /** It was extended before its time began. */
  atLeast: number
}

/** Notices calls that take too long. */
export interface CallDeadlines<Call extends TimedCall> {
  /**
   * The time of a call begins. Call it once the handler waits for something: one that returns at once needs no timer. `ms` is its own limit,
   * Infinity for none; undefined for the usual one.
   */
  begin(call: Call, ms?: number): void
  /** From now on the call may take at least that long. False when it is over. */
  extend(call: TimedCall, ms: number): boolean
  /** The call is over. */
  end(call: Call): void
  stop(): void
}

/** `late` is called once for a call that takes too long; it is over then. */
export function createCallDeadlines<Call extends TimedCall>(
  usualMs: number | undefined,
  late: (call: Call) => void,
): CallDeadlines<Call> {
  /** Calls with the usual limit, in the order in which they end: one timer serves them all. */
  const usual = new Set<TimedCall>()
  /** Timers of calls with a limit of their own. */
  const own = new Map<TimedCall, NodeJS.Timeout>()
  let timer: NodeJS.Timeout | undefined

  function watchUsual(): void {
    timer = undefined
    for (const call of usual) {
      const left = call.endsAt - performance.now()
      if (left > 0) {
        timer = setTimeout(watchUsual, left)
        return
      }
      endLate(call)
    }
  }

  function watchOwn(call: TimedCall): void {
    const left = call.endsAt - performance.now()
    clearTimeout(own.get(call))
    if (left <= 0) endLate(call)
    else own.set(call, setTimeout(watchOwn, Math.min(left, LONGEST_DEADLINE_MS), call))
  }

  function end(call: TimedCall): void {
    call.endsAt = 0
    if (usual.delete(call) || own.size === 0) return
    clearTimeout(own.get(call))
    own.delete(call)
  }

  function endLate(call: TimedCall): void {
    end(call)
    late(call as Call)
  }

  return {
    begin(call, ms = usualMs) {
      if (ms === undefined || ms === Infinity) return
      call.endsAt = Math.max(performance.now() + ms, call.atLeast)
      if (ms !== usualMs || call.atLeast > 0) {
        watchOwn(call)
        return
      }
      usual.add(call)
      timer ??= setTimeout(watchUsual, ms)
    },
    extend(call, ms) {
      if (call.endsAt === 0) return false
      const endsAt = performance.now() + ms
      if (call.endsAt === Infinity) call.atLeast = Math.max(call.atLeast, endsAt)
      if (endsAt <= call.endsAt) return true
      call.endsAt = endsAt
      usual.delete(call)
      watchOwn(call)
      return true
    },
    end,
    stop() {
      clearTimeout(timer)
      for (const each of own.values()) clearTimeout(each)
    },
  }
}
