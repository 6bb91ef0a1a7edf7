import { channel } from 'node:diagnostics_channel'

import type { Duration } from '@penknife/core'
import { durationMs, invalid } from '@penknife/core/internal'

import { monotonicMs } from './poll.ts'

/** The time that penknife's scripts see in Redis. It runs like the server's until a test changes it. */
export interface TestClock {
  /** Milliseconds since 1970 that it shows. */
  now(): number
  /**
   * Moves it forward. Windows, blocks, delays, retries, times to live and leases of workers that are gone follow at once, and
   * workers look for what became due: it resolves when they have it.
   *
   * Cost: TIME, a SCAN for keys whose time to live ended, an SPUBLISH and some ZCOUNT for each group with workers.
   *
   * @throws PENKNIFE_INVALID for no duration, or one over 10 years.
   */
  advance(by: Duration): Promise<void>
  /**
   * Sets it, also backwards: then penknife does what it does when a server's clock is stepped back.
   *
   * @throws PENKNIFE_INVALID for no date.
   */
  set(to: Date | number): Promise<void>
  /** Stops it: it changes only by `advance` and `set`, so that no test depends on how long it takes. */
  freeze(): Promise<void>
  /** Lets it run on from where it is. */
  resume(): Promise<void>
}

/** From a microsecond of the server's clock on: what the clock showed then, and whether it runs. */
type Period = readonly [fromUs: number, showedUs: number, runs: 0 | 1]

export interface OwnClock extends TestClock {
  /** As the prelude of scripts reads it. */
  periods(): string
  /** Shows the server's time again. */
  restore(): void
}

export interface ClockOptions {
  /** The server's time in microseconds. */
  readonly serverUs: () => Promise<number>
  /** Called before it is moved forward by so much. */
  readonly moving: (byMs: number) => Promise<void>
  /** Called after it was moved. */
  readonly moved: (nowMs: number) => Promise<void>
}

const LONGEST_MS = 10 * 366 * 86_400_000
/** Its microseconds must be exact in a double. */
const LATEST_MS = 9e12
const SERVERS: Period = [0, 0, 1]

/** Tells every penknife of this process that the time which it knows of Redis is wrong. */
const moves = channel('penknife:clock')

export function createClock({ serverUs, moving, moved }: ClockOptions): OwnClock {
  let periods: readonly Period[] = [SERVERS]
  let text = JSON.stringify(periods)
  /** The server's time when this process' monotonic clock stood at 0. */
  let originUs = performance.timeOrigin * 1000
  let queue: Promise<void> = Promise.resolve()

  function shownAt(us: number): number {
    const [from, showed, runs] = periods.findLast((period) => us >= period[0]) ?? SERVERS
    return runs === 1 ? showed + (us - from) : showed
  }

  /** One change after another. */
  function change(next: (shownUs: number) => number, runs: (before: 0 | 1) => 0 | 1): Promise<void> {
    const changed = queue.then(async () => {
      const at = await serverUs()
      originUs = at - monotonicMs() * 1000
      const shown = shownAt(at)
      const to = Math.round(next(shown))
      // Redis' ids and times to live know no time before 1970.
      if (to < 0) throw invalid('time', to / 1000, 'give a time after 1970')
      if (to > shown) await moving(Math.round((to - shown) / 1000))
      periods = [...periods, [at, to, runs((periods.at(-1) ?? SERVERS)[2])]]
      text = JSON.stringify(periods)
      if (Math.abs(to - shown) < 1000) return
      moves.publish({ nowMs: to / 1000 })
      await moved(Math.floor(to / 1000))
    })
    queue = changed.catch(() => {})
    return changed
  }

  const same = <Value>(value: Value): Value => value
  return {
    now: () => Math.floor(shownAt(originUs + monotonicMs() * 1000) / 1000),
    async advance(by) {
      const us = durationMs('advance', by, { min: 0, max: LONGEST_MS }) * 1000
      await change((shown) => shown + us, same)
    },
    async set(to) {
      const ms = to instanceof Date ? to.getTime() : to
      if (typeof ms !== 'number' || !Number.isFinite(ms) || ms < 0 || ms > LATEST_MS) {
        throw invalid('set', to, 'give a Date, or milliseconds since 1970')
      }
      await change(() => ms * 1000, same)
    },
    // To a whole millisecond: what is stored in milliseconds is then due exactly when its time is over.
    freeze: () =>
      change(
        (shown) => Math.ceil(shown / 1000) * 1000,
        () => 0,
      ),
    resume: () => change(same, () => 1),
    periods: () => text,
    restore() {
      periods = [SERVERS]
      text = JSON.stringify(periods)
      moves.publish({ nowMs: Date.now() })
    },
  }
}
