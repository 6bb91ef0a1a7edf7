import { LONGEST_DEADLINE_MS } from '../duration.ts'

/** A call of a handler, as long as it may take. Only `call-deadlines.ts` changes it. */
export interface TimedCall {
  /** When it has taken too long, by the clock of this process; Infinity without a limit and before its time began, 0 when it is over. */
  endsAt: number
  /** It was extended before its time began. */
  atLeast: number
  /** Its neighbours in the list of the calls with the usual limit. */
  before: TimedCall | undefined
  after: TimedCall | undefined
}

/** A call whose time has not begun. */
export function timedCall(): TimedCall {
  return { endsAt: Infinity, atLeast: 0, before: undefined, after: undefined }
}

/** Notices calls that take too long. */
export interface CallDeadlines<Call extends TimedCall> {
  /**
   * The time of a call that began at `now` runs. Call it once the handler waits for something: one that returns at once needs no timer.
   * `ms` is its own limit, Infinity for none; undefined for the usual one.
   */
  begin(call: Call, now: number, ms?: number): void
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
  /**
   * The ends of the list of calls with the usual limit, in the order in which they end: one timer serves them all. A Set would cost each call seven
   * times as much.
   */
  const usual = timedCall()
  usual.before = usual.after = usual
  /** Timers of calls with a limit of their own. */
  const own = new Map<TimedCall, NodeJS.Timeout>()
  let timer: NodeJS.Timeout | undefined

  function watchUsual(): void {
    timer = undefined
    for (let call = usual.after as TimedCall; call !== usual; call = usual.after as TimedCall) {
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

  /** Takes a call out of the list; false when it is not in it. */
  function unlink(call: TimedCall): boolean {
    const { before, after } = call
    if (!before || !after) return false
    before.after = after
    after.before = before
    call.before = call.after = undefined
    return true
  }

  function end(call: TimedCall): void {
    call.endsAt = 0
    if (unlink(call) || own.size === 0) return
    clearTimeout(own.get(call))
    own.delete(call)
  }

  function endLate(call: TimedCall): void {
    end(call)
    late(call as Call)
  }

  return {
    begin(call, now, ms = usualMs) {
      if (ms === undefined || ms === Infinity) return
      call.endsAt = Math.max(now + ms, call.atLeast)
      if (ms !== usualMs || call.atLeast > 0) {
        watchOwn(call)
        return
      }
      const last = usual.before as TimedCall
      call.before = last
      call.after = usual
      last.after = usual.before = call
      timer ??= setTimeout(watchUsual, call.endsAt - performance.now())
    },
    extend(call, ms) {
      if (call.endsAt === 0) return false
      const endsAt = performance.now() + ms
      if (call.endsAt === Infinity) call.atLeast = Math.max(call.atLeast, endsAt)
      if (endsAt <= call.endsAt) return true
      call.endsAt = endsAt
      unlink(call)
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
