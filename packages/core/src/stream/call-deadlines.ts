import { LONGEST_DEADLINE_MS } from '../duration.ts'
import { Deadlines, type Timed } from '../redis/deadlines.ts'

/** A call of a handler, as long as it may take. Only `call-deadlines.ts` changes it. */
export interface TimedCall extends Timed<TimedCall> {
  /** When it has taken too long, by the clock of this process; Infinity without a limit and before its time began, 0 when it is over. */
  dueAt: number
  /** It was extended before its time began. */
  atLeast: number
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
  usualMs: number = Infinity,
  late: (call: Call) => void,
): CallDeadlines<Call> {
  const usual = new Deadlines<TimedCall>(usualMs, endLate)
  /** Timers of calls with a limit of their own. */
  const own = new Map<TimedCall, NodeJS.Timeout>()

  function watchOwn(call: TimedCall): void {
    const left = Math.max(0, call.dueAt - performance.now())
    clearTimeout(own.get(call))
    own.set(call, setTimeout(checkOwn, Math.min(left, LONGEST_DEADLINE_MS), call))
  }

  function checkOwn(call: TimedCall): void {
    if (call.dueAt > performance.now()) watchOwn(call)
    // As in `Deadlines`: what the handler waits for may have arrived while this process was busy.
    else setImmediate(endOwn, call)
  }

  function endOwn(call: TimedCall): void {
    if (call.dueAt !== 0 && call.dueAt <= performance.now()) endLate(call)
  }

  function end(call: TimedCall): void {
    call.dueAt = 0
    if (usual.end(call) || own.size === 0) return
    clearTimeout(own.get(call))
    own.delete(call)
  }

  function endLate(call: TimedCall): void {
    end(call)
    late(call as Call)
  }

  return {
    begin(call, now, ms = usualMs) {
      if (ms === Infinity) return
      if (ms === usualMs && call.atLeast === 0) {
        usual.start(call, now)
        return
      }
      call.dueAt = Math.max(now + ms, call.atLeast)
      watchOwn(call)
    },
    extend(call, ms) {
      if (call.dueAt === 0) return false
      const dueAt = performance.now() + ms
      if (call.dueAt === Infinity) call.atLeast = Math.max(call.atLeast, dueAt)
      if (dueAt <= call.dueAt) return true
      call.dueAt = dueAt
      usual.end(call)
      watchOwn(call)
      return true
    },
    end,
    stop() {
      usual.stop()
      for (const each of own.values()) clearTimeout(each)
    },
  }
}
