export interface LookOptions {
  readonly leaseMs: number
  /** One step of lua/stream/look.lua. */
  readonly look: (fromStream: string, fromReady: string) => Promise<Looked>
  readonly found: (id: string, attempts: number, fence: number, dead: boolean) => void
  /** Something that was due could not be read, and is among the dead letters. */
  readonly unreadable: (id: string) => void
  readonly paused: (paused: boolean) => void
  readonly trouble: (error: unknown) => void
}

export type Looked = readonly [
  fromStream: string,
  fromReady: string,
  paused: number,
  waitMs: number,
  ...taken: readonly (readonly [id: string, attempts: number, fence: number])[],
]

export interface Looker {
  /** Looks in that time at the latest: something is due then. */
  within(ms: number): void
  stop(): Promise<void>
}

/** The longest time between two looks. */
const LOOK_MS = 10_000
const PAUSED_LOOK_MS = 2000
/** The shortest time between two looks, unless one was not enough. */
const SOONEST_MS = 5
const RETRY_MS = 1000
const START = '0-0'

/** Looks after the group at times: what is due, what vanished workers let lie, whether it is paused. */
export function createLooker({ leaseMs, look, found, unreadable, paused, trouble }: LookOptions): Looker {
  const everyMs = Math.min(leaseMs / 2, LOOK_MS)
  let cursors: readonly [string, string] = [START, START]
  let timer: NodeJS.Timeout | undefined
  let nextAt = Infinity
  let looking: Promise<void> | undefined
  let stopped = false

  function within(ms: number): void {
    const at = performance.now() + ms
    if (stopped || at >= nextAt) return
    nextAt = at
    clearTimeout(timer)
    timer = setTimeout(
      () => {
        nextAt = Infinity
        // What is asked for while a look is under way is looked at after it.
        looking = (looking ?? Promise.resolve()).then(run)
      },
      Math.min(ms, LOOK_MS),
    )
  }

  async function run(): Promise<void> {
    if (stopped) return
    try {
      const [fromStream, fromReady, isPaused, waitMs, ...taken] = await look(...cursors)
      cursors = [fromStream, fromReady]
      paused(isPaused === 1)
      for (const [id, attempts, fence] of taken) {
        if (fence === 0) unreadable(id)
        else found(id, Math.abs(attempts), fence, attempts < 0)
      }
      // Not everything was seen in this step.
      if (fromStream !== START || fromReady !== START) within(0)
      // A share of the time at random, so that workers that started together do not look together.
      within((isPaused === 1 ? Math.min(PAUSED_LOOK_MS, everyMs) : everyMs) * (0.9 + Math.random() / 10))
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
      await looking
    },
  }
}
