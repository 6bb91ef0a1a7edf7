import { reportFault } from '../callbacks.ts'
import { closeDeadlineMs } from '../closing.ts'
import { durationMs } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkName, checkOptions } from '../options.ts'
import { atMost } from '../redis/endings.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import type { Leader, LeaderEvent, LeaderOptions } from './leader-types.ts'
import { createLock } from './lock.ts'
import type { HeldLease } from './lock-types.ts'

const KEY = 'leader'
const CLOSE_MS = 10_000

/**
 * Stands for election among all processes that do so under the same name, at once and again after each loss.
 *
 * A leadership is a lock that is held for a lifetime: see `createLock` for its cost, its fence and its limits. Two processes may believe
 * that they lead while one of them is paused; the fence tells them apart.
 *
 * @throws PENKNIFE_INVALID for a wrong name or option.
 */
export function createLeader(space: Space, name: string, options: LeaderOptions = {}): Leader {
  checkName('leader name', name, 56)
  checkOptions('createLeader', options, ['lease', 'label', 'lead', 'rest'])
  const { lead, rest = '1s', lease, label } = options
  if (lead !== undefined && typeof lead !== 'function') throw invalid('lead', lead, 'give a function')
  const restMs = durationMs('rest', rest, { max: 3_600_000 })
  const runtime = runtimeOf(space)
  const lock = createLock(space, `leader.${name}`, {
    maxHold: '366d',
    wait: '1h',
    ...(lease === undefined ? {} : { lease }),
    ...(label === undefined ? {} : { label }),
  })
  const about = { space: space.name, name }
  const topic = createTopic<LeaderEvent>('penknife:leader')
  const closing = new AbortController()
  let held: HeldLease | undefined
  let deadlineMs = CLOSE_MS
  let ended: Promise<void> | undefined

  function failed(error: unknown): void {
    if (!topic.hasListeners) reportFault(`leader '${name}' failed`, error)
    topic.emit({ ...about, kind: 'failed', error })
  }

  /** Leads until `lead` ends, or until the lease is lost or the leader is closed. */
  async function work(mine: HeldLease): Promise<void> {
    if (!lead) return untilAborted([mine.signal, closing.signal])
    try {
      const leading = Promise.resolve(lead(untilClosed(mine, closing.signal)))
      await untilAborted([closing.signal], leading)
      if (closing.signal.aborted) await atMost(deadlineMs, leading)
    } catch (error) {
      failed(error)
    }
  }

  /** Stands for election once, and leads if it is elected; resolves with whether it was. */
  async function stand(): Promise<boolean> {
    const mine = await lock.acquire(KEY, { signal: closing.signal })
    if (!mine) return false
    held = mine
    const { fence } = mine
    topic.emit({ ...about, kind: 'elected', fence })
    await work(mine)
    const kind = mine.signal.aborted ? 'lost' : 'stepped-down'
    held = undefined
    await mine[Symbol.asyncDispose]()
    topic.emit({ ...about, kind, fence })
    return true
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        if (await stand()) await pause(restMs, closing.signal)
      } catch (error) {
        if (closing.signal.aborted) return
        if (error instanceof PenknifeError && error.code === 'PENKNIFE_CLOSED') return
        failed(error)
        await pause(restMs, closing.signal)
      }
    }
  }

  let forget: (() => void) | undefined
  const running = run()
  // After penknife.close() it is called at once.
  forget = runtime.onClose((ms) => close(ms))

  function close(ms: number): Promise<void> {
    if (!ended) {
      deadlineMs = ms
      forget?.()
      closing.abort(new PenknifeError('PENKNIFE_CLOSED', `leader '${name}' was closed`))
      ended = running
    }
    return ended
  }

  return {
    name,
    get held() {
      return held
    },
    on: (listener) => topic.on(listener),
    async look() {
      return (await lock.look(KEY)).label
    },
    async close(given = {}) {
      return close(closeDeadlineMs(given, CLOSE_MS))
    },
    [Symbol.asyncDispose]: () => close(CLOSE_MS),
  }
}

/** A lease whose signal is also aborted when the leader is closed. */
function untilClosed(mine: HeldLease, closing: AbortSignal): HeldLease {
  const signal = AbortSignal.any([mine.signal, closing])
  return {
    fence: mine.fence,
    signal,
    get leftMs() {
      return mine.leftMs
    },
    release: () => mine.release(),
    [Symbol.asyncDispose]: () => mine[Symbol.asyncDispose](),
  }
}

/** Ends as the work does, or when a signal is aborted. It leaves no listeners: a leader has one signal for all its terms. */
async function untilAborted(
  signals: readonly AbortSignal[],
  ...work: readonly Promise<void>[]
): Promise<void> {
  const over = new AbortController()
  const aborted = signals.map(
    (signal) =>
      new Promise<void>((resolve) => {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve(), { once: true, signal: over.signal })
      }),
  )
  try {
    await Promise.race([...work, ...aborted])
  } finally {
    over.abort()
  }
}

/** Resolves after so many milliseconds, or at once when the signal is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
