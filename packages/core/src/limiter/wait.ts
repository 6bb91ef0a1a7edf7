import { PenknifeError } from '../errors.ts'
import type { MovedTime } from '../redis/moved-time.ts'
import type { LimiterDecision } from './decision-types.ts'
import { WaitQueue, type WaitRequest } from './wait-queue.ts'

/** Calls that wait until they are allowed, in a queue for each subject. */
export interface WaitQueues {
  /**
   * Resolves when `ask` is allowed, or with a denial when that will not happen in time. Rejects with the signal's reason or the
   * error of `ask`, when too many calls wait, and when penknife is closed.
   */
  wait(subject: string, request: WaitRequest): Promise<LimiterDecision>
  /** Call it when tokens of a subject, or of an unknown one, were given back: the first waiting call asks now. */
  wake(subject?: string): void
}

/** `onClose` registers a function that penknife.close() calls; it is registered while calls wait. */
export function createWaitQueues(
  title: string,
  maxWaiters: number,
  onClose: (end: () => Promise<void>) => () => void,
  movedTime: Pick<MovedTime, 'on'>,
): WaitQueues {
  const queues = new Map<string, WaitQueue>()
  let waiting = 0
  let ends: readonly (() => unknown)[] = []

  function wake(subject?: string): void {
    if (subject !== undefined) queues.get(subject)?.wake()
    else for (const queue of queues.values()) queue.wake()
  }

  async function close(): Promise<void> {
    const reason = new PenknifeError('PENKNIFE_CLOSED', `${title}: penknife was closed`)
    for (const queue of queues.values()) queue.close(reason)
  }

  return {
    async wait(subject, request) {
      request.signal?.throwIfAborted()
      if (waiting >= maxWaiters) {
        const fix = 'let fewer wait, give a shorter maxWait, or raise maxWaiters'
        throw new PenknifeError('PENKNIFE_OVERLOADED', `${title}: ${waiting} calls wait already; ${fix}`)
      }
      let queue = queues.get(subject)
      if (!queue) {
        queue = new WaitQueue(() => queues.delete(subject))
        queues.set(subject, queue)
      }
      if (++waiting === 1) ends = [onClose(close), movedTime.on(() => wake())]
      try {
        return await queue.join(request)
      } finally {
        if (--waiting === 0) for (const end of ends) end()
      }
    },
    wake,
  }
}
