import type { PenknifeError } from '../errors.ts'
import type { LimiterDecision } from './decision-types.ts'
import { laterDenial } from './later-denial.ts'

export interface WaitRequest {
  readonly cost: number
  readonly maxWaitMs: number
  readonly signal: AbortSignal | undefined
  ask(): Promise<LimiterDecision>
}

/** How often to ask when the time is not known: a slot may be released, or Redis may return. */
const POLL_MS = 200

/** The longest sleep of a timer. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1

interface Waiter extends WaitRequest {
  readonly endsAt: number
  resolve(decision: LimiterDecision): void
  reject(reason: unknown): void
  /** Removes its timer and its listener. */
  disarm(): void
  /** Settles it after the pending reply: its time is over, or its signal was aborted. */
  leaving: (() => void) | undefined
}

/** The last denial of the first waiter. */
interface Denial {
  readonly decision: LimiterDecision
  readonly cost: number
  readonly at: number
}

/**
 * The waiting calls of one subject, in order, whatever they cost. Only the first asks Redis; it sleeps for `retryAfterMs` and
 * asks again. It does not leave while it asks: tokens that it gets must not be lost.
 */
export class WaitQueue {
  readonly #waiters = new Set<Waiter>()
  readonly #onEmpty: () => void
  #serving = false
  #asking: Waiter | undefined
  #denial: Denial | undefined
  /** Before this time no waiter can pass, unless tokens are given back. */
  #deniedUntil = 0
  #woken = false
  #endSleep: (() => void) | undefined

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty
  }

  join(request: WaitRequest): Promise<LimiterDecision> {
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
    let decision: LimiterDecision
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

  /** Sleeps until a time, until tokens are given back, or until the first waiter leaves. */
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

  #denialFor(cost: number): LimiterDecision {
    const { decision, cost: denied, at } = this.#denial as Denial
    return laterDenial(decision, denied, Math.max(cost, denied), Math.floor(performance.now() - at))
  }
}

/** Whether the time of a denial is certain: not when a slot may be released, nor when Redis did not decide. */
function isCertain({ decidedBy, retryAfterMs, rules, violated }: LimiterDecision): boolean {
  if (retryAfterMs === Infinity) return true
  if (decidedBy !== 'redis' && decidedBy !== 'cache') return false
  return !rules.some(({ name, algorithm }) => algorithm === 'concurrency' && violated.includes(name))
}

/** Calls at a time, never earlier; the returned function cancels it. */
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
