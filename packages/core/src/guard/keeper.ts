import { runSafely } from '../callbacks.ts'
import { PenknifeError } from '../errors.ts'
import { Deadlines, type Timed } from '../redis/deadlines.ts'
import type { Runtime } from '../redis/penknife.ts'

export interface KeeperOptions<Of> {
  readonly leaseMs: number
  /** How long a lease is renewed at the most, in milliseconds. */
  readonly mostMs: number
  /** The name in errors: `lock 'orders' of space 'shop'`. */
  readonly title: string
  /** Renews the lease in Redis; resolves with whether it was still in force. */
  readonly renew: (of: Of) => Promise<boolean>
  /** Releases it, when penknife is closed. */
  readonly release: (of: Of) => Promise<unknown>
  /** Called when a lease was lost. */
  readonly onLost?: ((of: Of, error: PenknifeError) => void) | undefined
}

/** The part of a lease that is safe to rely on: clocks of two machines may differ in their rate. */
const SAFE = 0.99
/** The pause after a renewal that failed, as a part of the lease. */
const AGAIN = 1 / 9

/**
 * A lease that is renewed every third of its time until it is ended or lost, or reaches its longest time.
 *
 * It counts from before the call was sent, by this process' monotonic clock: so it ends here before it ends in Redis. Without a renewal
 * until then it is lost.
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
  #onLost: ((error: PenknifeError) => void) | undefined

  constructor(of: Of, sentAt: number, leaseMs: number) {
    this.of = of
    this.since = sentAt
    this.safeUntil = sentAt + leaseMs * SAFE
  }

  /** Milliseconds for which it certainly lasts; 0 when it is lost or ended. */
  get leftMs(): number {
    return this.ended ? 0 : Math.max(0, this.safeUntil - performance.now())
  }

  /** Aborted when the lease is lost. Created at the first access: it costs more than the rest. */
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

  /** Calls the listener when the lease is lost. */
  onLost(listener: (error: PenknifeError) => void): void {
    this.#onLost = listener
  }

  /** For the keeper. */
  lose(error: PenknifeError): void {
    this.#lost = error
    this.#aborts?.abort(error)
    if (this.#onLost) runSafely('a listener for the loss of a lease failed', () => this.#onLost?.(error))
  }
}

/** Keeps the leases of one kind of object. */
export interface Keeper<Of> {
  /** Keeps a lease that Redis granted to a call sent at `sentAt` (performance.now()). */
  keep(of: Of, sentAt: number): KeptLease<Of>
  /** Stops the renewal: the lease is released, or Redis replied that it is lost. */
  end(lease: KeptLease<Of>): void
}

export function createKeeper<Of>(
  { onCloseWaiting }: Pick<Runtime, 'onCloseWaiting'>,
  { leaseMs, mostMs, title, renew, release, onLost }: KeeperOptions<Of>,
): Keeper<Of> {
  const beatMs = leaseMs / 3
  /** All leases but those that are being renewed. A list, because the tables of a Set that changes all the time live long. */
  const due = new Deadlines<KeptLease<Of>>(beatMs, extend)
  const renewing = new Set<KeptLease<Of>>()
  let kept = 0
  let forget: (() => void) | undefined
  let idle: NodeJS.Timeout | undefined

  function end(lease: KeptLease<Of>): void {
    if (lease.ended) return
    lease.ended = true
    due.end(lease)
    if (lease.lossTimer || renewing.size > 0) {
      clearTimeout(lease.lossTimer)
      renewing.delete(lease)
    }
    kept -= 1
    if (kept === 0) idle ??= setTimeout(forgetIdle, leaseMs).unref()
  }

  /** Some time after the last lease, so that a lease after the other does not register the keeper again. */
  function forgetIdle(): void {
    idle = undefined
    if (kept > 0) return
    forget?.()
    forget = undefined
  }

  function lose(lease: KeptLease<Of>, why: string): void {
    if (lease.ended) return
    end(lease)
    const { failure: cause } = lease
    const error = new PenknifeError('PENKNIFE_LEASE_LOST', `${title}: ${why}`, { fate: 'unknown', cause })
    lease.lose(error)
    onLost?.(lease.of, error)
  }

  /**
   * Plans the next renewal of a lease that was granted to a call sent at `sentAt`: a third of the lease after that, so at once when the
   * reply was late. Planned from the reply, it could come after the lease had ended.
   */
  function plan(lease: KeptLease<Of>, sentAt: number): void {
    if (performance.now() - sentAt < beatMs) due.start(lease, sentAt)
    else extend(lease)
  }

  /** Renews a lease. Until the answer comes, a timer ends the lease when its time is over. */
  function extend(lease: KeptLease<Of>): void {
    if (lease.ended) return
    renewing.add(lease)
    const sentAt = performance.now()
    if (sentAt >= lease.safeUntil) return lose(lease, 'its lease ended before it was renewed')
    const tooOld = sentAt - lease.since >= mostMs
    lease.lossTimer ??= setTimeout(
      () => {
        lease.lossTimer = undefined
        lose(
          lease,
          tooOld
            ? `it reached its longest time of ${mostMs} ms, and is not renewed any more`
            : 'its lease ended before it was renewed',
        )
      },
      Math.max(0, lease.safeUntil - sentAt),
    ).unref()
    if (tooOld) return
    renew(lease.of).then(
      (ours) => {
        if (lease.ended) return
        if (!ours) return lose(lease, 'its lease had ended in Redis before it was renewed')
        clearTimeout(lease.lossTimer)
        lease.lossTimer = undefined
        lease.safeUntil = sentAt + leaseMs * SAFE
        renewing.delete(lease)
        plan(lease, sentAt)
      },
      (error: unknown) => {
        if (lease.ended) return
        lease.failure = error
        setTimeout(() => extend(lease), leaseMs * AGAIN).unref()
      },
    )
  }

  async function closeAll(): Promise<void> {
    const released = [...renewing, ...due.items].map((lease) => {
      lose(lease, 'penknife was closed')
      return release(lease.of).catch(() => {})
    })
    await Promise.all(released)
  }

  return {
    keep(of, sentAt) {
      const lease = new KeptLease(of, sentAt, leaseMs)
      kept += 1
      plan(lease, sentAt)
      // Last, because after a close it is called at once.
      forget ??= onCloseWaiting(closeAll)
      return lease
    },
    end,
  }
}
