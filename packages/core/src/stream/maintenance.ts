import type { DeliveryId } from './worker-events.ts'

export interface MaintenanceOptions {
  readonly leaseMs: number
  /** One step of lua/stream/maintain.lua. */
  readonly check: (fromStream: string, fromReady: string) => Promise<Checked>
  /** An entry whose lease ended was taken over; `dead` when it had no attempt left. */
  readonly takenOver: (delivery: DeliveryId, dead: boolean) => void
  /** A due entry could not be read and is now a dead letter. */
  readonly unreadable: (id: string) => void
  readonly paused: (paused: boolean) => void
  /** Called after each check with whether somebody watches the stream. */
  readonly watched: (watched: boolean) => void
  /** Called after a check that found entries of low priority. */
  readonly lowFound: () => void
  readonly trouble: (error: unknown) => void
}

/** The reply of lua/stream/maintain.lua. */
export type Checked = readonly [
  fromStream: string,
  fromReady: string,
  state: number,
  waitMs: number,
  ...taken: readonly (readonly [id: string, attempts: number, fence: number])[],
]

export interface Maintenance {
  /** Checks after at most that time. */
  within(ms: number): void
  stop(): Promise<void>
}

/** The longest time between two checks. */
const CHECK_MS = 10_000
const PAUSED_CHECK_MS = 2000
/** The shortest time between two checks, unless the last check did not finish. */
const SOONEST_MS = 5
const RETRY_MS = 1000
const START = '0-0'

/** Maintains the group regularly: makes due entries ready, takes over entries of dead workers, and checks whether it is paused. */
export function createMaintenance(options: MaintenanceOptions): Maintenance {
  const { leaseMs, check, takenOver, unreadable, paused, watched, lowFound, trouble } = options
  const everyMs = Math.min(leaseMs / 2, CHECK_MS)
  let cursors: readonly [string, string] = [START, START]
  let timer: NodeJS.Timeout | undefined
  let nextAt = Infinity
  let checking: Promise<void> | undefined
  let stopped = false

  function within(ms: number): void {
    const at = performance.now() + ms
    if (stopped || at >= nextAt) return
    nextAt = at
    clearTimeout(timer)
    timer = setTimeout(
      () => {
        nextAt = Infinity
        // A check that is requested during another one runs after it.
        checking = (checking ?? Promise.resolve()).then(run)
      },
      Math.min(ms, CHECK_MS),
    )
  }

  async function run(): Promise<void> {
    if (stopped) return
    try {
      const [fromStream, fromReady, found, waitMs, ...taken] = await check(...cursors)
      cursors = [fromStream, fromReady]
      const isPaused = found % 2 === 1
      paused(isPaused)
      watched(found % 4 >= 2)
      if (found >= 4) lowFound()
      for (const [id, attempts, fence] of taken) {
        if (fence === 0) unreadable(id)
        else takenOver({ id, attempt: Math.abs(attempts), fence }, attempts < 0)
      }
      // This step did not reach the end of the pending lists.
      if (fromStream !== START || fromReady !== START) within(0)
      // Part of the time is random, so that workers that started together do not check together.
      within((isPaused ? Math.min(PAUSED_CHECK_MS, everyMs) : everyMs) * (0.9 + Math.random() / 10))
      if (waitMs >= 0) within(Math.max(waitMs + 1, SOONEST_MS))
    } catch (error) {
      cursors = [START, START]
      if (stopped) return
      trouble(error)
      within(Math.min(RETRY_MS, everyMs))
    }
  }

  within(0)
  return {
    within,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await checking
    },
  }
}
