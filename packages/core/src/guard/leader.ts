import { durationMs } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkName, checkOptions } from '../options.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { reportFault } from '../callbacks.ts'
import type { Leader, LeaderEvent, LeaderOptions } from './leader-types.ts'
import { createLock } from './lock.ts'
import type { HeldLease } from './lock-types.ts'

const KEY = 'leader'

/**
 * Stands for election among all processes that do so under the same name, at once and again after each loss.
 *
 * A leadership is a lock that is held for a lifetime: see `createLock` for its cost, its fence, and what it does not give. Two processes may
 * believe that they lead for as long as one of them stands still; the fence tells them apart.
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
  const topic = createTopic<LeaderEvent>('penknife:leader', { space: space.name })
  const closing = new AbortController()
  let held: HeldLease | undefined

  function failed(error: unknown): void {
    if (!topic.hasListeners) reportFault(`leader '${name}' failed`, error)
    topic.emit({ kind: 'failed', leader: name, error })
  }

  /** Leads until `lead` ends, the lease is lost, or all is closed; resolves with how it ended. */
  async function reign(mine: HeldLease): Promise<'lost' | 'stepped-down'> {
    if (!lead) {
      await firstOf(mine.signal, closing.signal)
      return mine.signal.aborted ? 'lost' : 'stepped-down'
    }
    try {
      await Promise.race([lead(mine), aborted(closing.signal)])
    } catch (error) {
      failed(error)
    }
    return mine.signal.aborted ? 'lost' : 'stepped-down'
  }

  /** One election, and what comes of it; true when there was one. */
  async function stand(): Promise<boolean> {
    const mine = await lock.acquire(KEY, { signal: closing.signal })
    if (!mine) return false
    held = mine
    const { fence } = mine
    topic.emit({ kind: 'elected', leader: name, fence })
    const kind = await reign(mine)
    held = undefined
    await mine[Symbol.asyncDispose]()
    topic.emit({ kind, leader: name, fence })
    return true
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        if (await stand()) await rested(restMs, closing.signal)
      } catch (error) {
        if (closing.signal.aborted) return
        if (error instanceof PenknifeError && error.code === 'PENKNIFE_CLOSED') return
        failed(error)
        await rested(restMs, closing.signal)
      }
    }
  }

  const running = run()
  const forget = runtime.onClose(() => close())

  async function close(): Promise<void> {
    forget()
    closing.abort(new PenknifeError('PENKNIFE_CLOSED', `leader '${name}': it was closed`))
    await running
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
    close,
    [Symbol.asyncDispose]: close,
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function firstOf(...signals: readonly AbortSignal[]): Promise<void> {
  await Promise.race(signals.map(aborted))
}

/** After so many milliseconds, or at once when the signal is aborted. */
function rested(ms: number, signal: AbortSignal): Promise<void> {
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
