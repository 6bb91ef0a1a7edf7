import { PenknifeError } from '../errors.ts'
import type { MovedTime } from '../redis/moved-time.ts'
import { counted } from './counted.ts'
import type { Decision } from './types.ts'

/** Calls that wait until they are allowed, in a line for each subject. */
export interface WaitingRoom {
  /**
   * Resolves when `ask` is allowed, or with a denial when that will not be in time. Rejects with the signal's reason,
   * with what `ask` fails with, when the room is full, and when penknife is closed.
   */
  wait(subject: string, request: WaitRequest): Promise<Decision>
  /** Tokens of a subject, or of any, were given back: its first waiter asks now. */
  wake(subject?: string): void
}

export interface WaitRequest {
  readonly cost: number
  readonly maxWaitMs: number
  readonly signal: AbortSignal | undefined
  ask(): Promise<Decision>
}

/** How often to ask when nobody knows when it will pass: a slot may be released, Redis may come back. */
const POLL_MS = 200

/** The longest sleep of a timer. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1

/** `onClose` registers what penknife.close() ends, and is called while somebody waits. */
export function createWaitingRoom(
  what: string,
  maxWaiters: number,
  onClose: (end: () => Promise<void>) => () => void,
  movedTime: Pick<MovedTime, 'on'>,
): WaitingRoom {
  const lines = new Map<string, Line>()
  let waiting = 0
  let leave: readonly (() => unknown)[] = []

  function wake(subject?: string): void {
    if (subject !== undefined) lines.get(subject)?.wake()
    else for (const line of lines.values()) line.wake()
  }

  async function close(): Promise<void> {
    const reason = new PenknifeError('PENKNIFE_CLOSED', `${what}: penknife was closed`)
    for (const line of lines.values()) line.close(reason)
  }

  return {
    async wait(subject, request) {
      request.signal?.throwIfAborted()
      if (waiting >= maxWaiters) {
        const fix = 'let fewer wait, give a shorter maxWait, or raise maxWaiters'
        throw new PenknifeError('PENKNIFE_OVERLOADED', `${what}: ${waiting} calls wait already; ${fix}`)
      }
      let line = lines.get(subject)
      if (!line) {
        line = new Line(() => lines.delete(subject))
        lines.set(subject, line)
      }
      if (++waiting === 1) leave = [onClose(close), movedTime.on(() => wake())]
      try {
        return await line.join(request)
      } finally {
        if (--waiting === 0) for (const end of leave) end()
      }
    },
    wake,
  }
}

interface Waiter extends WaitRequest {
  readonly endsAt: number
  resolve(decision: Decision): void
  reject(reason: unknown): void
  /** Takes its timer and its listener away. */
  disarm(): void
  /** How it leaves once the answer that is under way is there: its time is over, or its signal aborted. */
  leaving: (() => void) | undefined
}

/** What the first of a line was told last. */
interface Denial {
  readonly decision: Decision
  readonly cost: number
  readonly at: number
}

/**
 * The waiters for one subject, first come first served whatever they cost. Only the first asks; it sleeps for as long as it
 * is told to and asks again. While it asks it does not leave: a token that it is given must not be lost.
 */
class Line {
  readonly #waiters = new Set<Waiter>()
  readonly #onEmpty: () => void
  #serving = false
  #asking: Waiter | undefined
  #denial: Denial | undefined
  /** Until then nobody in the line can pass, unless tokens are given back. */
  #deniedUntil = 0
  #woken = false
  #endSleep: (() => void) | undefined

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty
  }

  join(request: WaitRequest): Promise<Decision> {
    const { cost, maxWaitMs, signal } = request
    const endsAt = performance.now() + maxWaitMs
    if (this.#endSleep && endsAt < this.#deniedUntil) return Promise.resolve(this.#denialFor(cost))
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        const leave = (): void => reject(signal?.reason)
        if (this.#asking === waiter) waiter.leaving = leave
        else this.#settle(waiter, leave)
      }
      const onTime = (): void => {
        const leave = (): void => resolve(this.#denialFor(cost))
        if (this.#asking === waiter || !this.#denial) waiter.leaving ??= leave
        else this.#settle(waiter, leave)
      }
      const disarmTimer = callAt(endsAt, onTime)
      const disarm = (): void => {
        disarmTimer()
        signal?.removeEventListener('abort', onAbort)
      }
      const waiter: Waiter = { ...request, endsAt, resolve, reject, disarm, leaving: undefined }
      signal?.addEventListener('abort', onAbort)
      this.#waiters.add(waiter)
      if (!this.#serving) void this.#serve()
    })
  }

  wake(): void {
    this.#woken = true
    this.#endSleep?.()
  }

  close(reason: PenknifeError): void {
    for (const waiter of this.#waiters) this.#settle(waiter, () => waiter.reject(reason))
    this.#endSleep?.()
  }

  async #serve(): Promise<void> {
    this.#serving = true
    for (let [first] = this.#waiters; first; [first] = this.#waiters) await this.#serveFirst(first)
    this.#serving = false
    this.#onEmpty()
  }

  async #serveFirst(waiter: Waiter): Promise<void> {
    this.#asking = waiter
    this.#woken = false
    let decision: Decision
    try {
      decision = await waiter.ask()
    } catch (error) {
      this.#settle(waiter, () => waiter.reject(error))
      return
    } finally {
      this.#asking = undefined
    }
    if (decision.allowed) {
      this.#denial = undefined
      this.#settle(waiter, () => waiter.resolve(decision))
      return
    }
    const at = performance.now()
    this.#denial = { decision, cost: waiter.cost, at }
    const certain = isCertain(decision)
    this.#deniedUntil = certain ? at + decision.retryAfterMs : 0
    if (waiter.endsAt < this.#deniedUntil) this.#settle(waiter, () => waiter.resolve(decision))
    for (const other of this.#waiters) {
      if (other.leaving) this.#settle(other, other.leaving)
      else if (other.endsAt < this.#deniedUntil) {
        this.#settle(other, () => other.resolve(this.#denialFor(other.cost)))
      }
    }
    if (this.#woken || !this.#waiters.has(waiter)) return
    await this.#sleep(at + (certain ? decision.retryAfterMs : Math.min(decision.retryAfterMs, POLL_MS)))
  }

  /** Until a time, until tokens are given back, or until the first leaves. */
  async #sleep(until: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const disarm = callAt(until, () => this.#endSleep?.())
      this.#endSleep = () => {
        this.#endSleep = undefined
        disarm()
        resolve()
      }
    })
  }

  #settle(waiter: Waiter, finish: () => void): void {
    const [first] = this.#waiters
    if (!this.#waiters.delete(waiter)) return
    waiter.disarm()
    finish()
    if (waiter === first) this.#endSleep?.()
  }

  #denialFor(cost: number): Decision {
    const { decision, cost: denied, at } = this.#denial as Denial
    return counted(decision, denied, Math.max(cost, denied), Math.floor(performance.now() - at))
  }
}

/** Whether a denial holds for as long as it says: not when a slot may be released, nor when Redis was not asked. */
function isCertain({ decidedBy, retryAfterMs, rules, violated }: Decision): boolean {
  if (retryAfterMs === Infinity) return true
  if (decidedBy !== 'redis' && decidedBy !== 'cache') return false
  return !rules.some(({ name, algorithm }) => algorithm === 'concurrency' && violated.includes(name))
}

/** Calls at a time, never earlier; the function that comes back calls it off. */
function callAt(time: number, call: () => void): () => void {
  let timer: NodeJS.Timeout
  function arm(): void {
    const ms = time - performance.now()
    if (ms <= 0) call()
    else timer = setTimeout(arm, Math.min(Math.ceil(ms), LONGEST_SLEEP_MS))
  }
  timer = setTimeout(arm, Math.min(Math.ceil(Math.max(0, time - performance.now())), LONGEST_SLEEP_MS))
  return () => clearTimeout(timer)
}
