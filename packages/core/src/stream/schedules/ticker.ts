import { detached } from '../../detached.ts'
import type { Runtime } from '../../redis/penknife.ts'

export interface TickerOptions {
  /** Adds what is due; resolves with the milliseconds until it should be called again. */
  readonly check: () => Promise<number>
  /** A check failed; another follows. */
  readonly failed: (error: unknown) => void
  readonly succeeded: () => void
}

/** Calls `check` at the next due time, while a schedule or a worker of the process needs it. */
export interface Ticker {
  /** Checks from now on; the returned function ends that. */
  keep(): () => void
  /** Checks after at most that time. */
  within(ms: number): void
  readonly stopped: boolean
}

/** The longest time between two checks: a schedule that another process created is found after this time at the latest. */
const CHECK_MS = 60_000
/** Each process checks up to this much after a due time, so that usually one of them adds the entry and the others find nothing. */
const SPREAD_MS = 100
const RETRY_MS = 2000

export function createTicker(
  { check, failed, succeeded }: TickerOptions,
  { onClose, movedTime }: Pick<Runtime, 'onClose' | 'movedTime'>,
): Ticker {
  let keepers = 0
  let timer: NodeJS.Timeout | undefined
  let nextAt = Infinity
  let checking: Promise<void> | undefined
  let ends: readonly (() => void)[] = []

  function within(ms: number): void {
    const at = performance.now() + ms
    if (keepers === 0 || at >= nextAt) return
    nextAt = at
    clearTimeout(timer)
    // A check that is requested during another one follows it.
    const due = (): void => {
      nextAt = Infinity
      checking = (checking ?? Promise.resolve()).then(run)
    }
    timer = detached(() => setTimeout(due, ms).unref())
  }

  async function run(): Promise<void> {
    if (keepers === 0) return
    try {
      const waitMs = await check()
      succeeded()
      within(CHECK_MS * (0.9 + Math.random() / 10))
      if (waitMs < CHECK_MS) within(waitMs + 1 + Math.random() * SPREAD_MS)
    } catch (error) {
      failed(error)
      within(RETRY_MS * (1 + Math.random()))
    }
  }

  function stop(): void {
    keepers = 0
    clearTimeout(timer)
    nextAt = Infinity
    for (const end of ends) end()
    ends = []
  }

  return {
    keep() {
      if (keepers === 0) {
        ends = [
          onClose(async () => {
            stop()
            await checking
          }),
          movedTime.on(() => within(0)),
        ]
      }
      keepers += 1
      let kept = true
      return () => {
        if (!kept || keepers === 0) return
        kept = false
        keepers -= 1
        if (keepers === 0) stop()
      }
    },
    within,
    get stopped() {
      return keepers === 0
    },
  }
}
