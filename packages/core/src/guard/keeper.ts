import { runSafely } from '../callbacks.ts'
import { PenknifeError } from '../errors.ts'
import { Deadlines, type Timed } from '../redis/deadlines.ts'
import type { Runtime } from '../redis/penknife.ts'

/** What a lease of something in Redis is kept with. */
export interface KeeperOptions<Of> {
  readonly leaseMs: number
  /** For how long at most a lease is renewed. */
  readonly mostMs: number
  /** As errors call it: `lock 'orders' of space 'shop'`. */
  readonly title: string
  /** Asks Redis for another lease: whether it is still ours. */
  readonly renew: (of: Of) => Promise<boolean>
  /** Gives it back, when penknife is closed. */
  readonly release: (of: Of) => Promise<unknown>
}

/** Of a lease, the part that is safe to rely on: clocks of two machines may differ in their rate. */
const SAFE = 0.99
/** After a renewal that failed, as a part of the lease. */
const AGAIN = 1 / 9

/**
 * A lease that is renewed at a third of its time until it is ended, lost or too old.
 *
 * It counts from before the call that got it was sent, by this process' monotonic clock: so it ends here before it ends in Redis. When
 * that moment comes without a renewal, it is lost.
 */
export class KeptLease<Of> implements Timed<KeptLease<Of>> {
  dueAt = 0
  before: KeptLease<Of> | undefined
  after: KeptLease<Of> | undefined
  readonly of: Of
  readonly since: number
  safeUntil: number
  ended = false
  lossTimer: NodeJS.Timeout | undefined
  /** Why the last renewal failed. */
  failure: unknown
  #aborts: AbortController | undefined
  #lost: PenknifeError | undefined
  #onLost: ((why: PenknifeError) => void) | undefined

  constructor(of: Of, sentAt: number, leaseMs: number) {
    this.of = of
    this.since = sentAt
    this.safeUntil = sentAt + leaseMs * SAFE
  }

  /** Milliseconds that it surely lasts, as far as this process knows; 0 when it is lost or ended. */
  get leftMs(): number {
    return this.ended ? 0 : Math.max(0, this.safeUntil - performance.now())
  }

  /** Aborted when the lease is lost. Made when it is asked for: it costs more than the rest. */
  get signal(): AbortSignal {
    if (!this.#aborts) {
      this.#aborts = new AbortController()
      if (this.#lost) this.#aborts.abort(this.#lost)
    }
    return this.#aborts.signal
  }

  get lost(): PenknifeError | undefined {
    return this.#lost
  }

  /** Called once, when it is lost. */
  onLost(listener: (why: PenknifeError) => void): void {
    this.#onLost = listener
  }

  /** For the keeper. */
  lose(why: PenknifeError): void {
    this.#lost = why
    this.#aborts?.abort(why)
    if (this.#onLost) runSafely('what follows the loss of a lease failed', () => this.#onLost?.(why))
  }
}

/** Keeps the leases of one kind of object. */
export interface Keeper<Of> {
  /** Keeps a lease that Redis gave to a call made at `sentAt` (performance.now()). */
  keep(of: Of, sentAt: number): KeptLease<Of>
  /** Keeps it no longer: it is given back, or Redis said that it is lost. */
  end(lease: KeptLease<Of>): void
}

export function createKeeper<Of>(
  { onClose }: Pick<Runtime, 'onClose'>,
  { leaseMs, mostMs, title, renew, release }: KeeperOptions<Of>,
): Keeper<Of> {
  const kept = new Set<KeptLease<Of>>()
  const due = new Deadlines<KeptLease<Of>>(leaseMs / 3, extend)
  let forget: (() => void) | undefined

  function end(lease: KeptLease<Of>): void {
    if (lease.ended) return
    lease.ended = true
    due.end(lease)
    clearTimeout(lease.lossTimer)
    kept.delete(lease)
    if (kept.size > 0) return
    forget?.()
    forget = undefined
  }

  function lose(lease: KeptLease<Of>, why: string): void {
    if (lease.ended) return
    end(lease)
    const { failure: cause } = lease
    lease.lose(new PenknifeError('PENKNIFE_LEASE_LOST', `${title}: ${why}`, { fate: 'unknown', cause }))
  }

  /** Asks for more time; until there is an answer the lease is lost when its time is over. */
  function extend(lease: KeptLease<Of>): void {
    if (lease.ended) return
    const sentAt = performance.now()
    if (sentAt >= lease.safeUntil) return lose(lease, 'its lease ran out before it was renewed')
    const tooOld = sentAt - lease.since >= mostMs
    lease.lossTimer ??= setTimeout(
      () => {
        lease.lossTimer = undefined
        lose(
          lease,
          tooOld
            ? `it was kept for longer than ${mostMs} ms, and is not renewed any more`
            : 'its lease ran out before it was renewed',
        )
      },
      Math.max(0, lease.safeUntil - sentAt),
    ).unref()
    if (tooOld) return
    renew(lease.of).then(
      (ours) => {
        if (lease.ended) return
        if (!ours) return lose(lease, 'its lease ran out, and Redis gave it away or forgot it')
        clearTimeout(lease.lossTimer)
        lease.lossTimer = undefined
        lease.safeUntil = sentAt + leaseMs * SAFE
        due.start(lease)
      },
      (error: unknown) => {
        if (lease.ended) return
        lease.failure = error
        setTimeout(() => extend(lease), leaseMs * AGAIN).unref()
      },
    )
  }

  async function closeAll(): Promise<void> {
    const released = [...kept].map((lease) => {
      lose(lease, 'penknife was closed')
      return release(lease.of).catch(() => {})
    })
    await Promise.all(released)
  }

  return {
    keep(of, sentAt) {
      const lease = new KeptLease(of, sentAt, leaseMs)
      if (kept.size === 0) forget ??= onClose(closeAll)
      kept.add(lease)
      due.start(lease)
      return lease
    },
    end,
  }
}
