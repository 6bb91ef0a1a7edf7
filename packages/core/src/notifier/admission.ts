import { runSafely } from '../callbacks.ts'
import type { Control, Listener } from './control.ts'
import type { Following } from './following.ts'
import type { Hold, Holds } from './holds.ts'
import { checkMost } from './checks.ts'
import type { Admission, AdmissionEnd, AdmitOptions } from './types.ts'

/** Revoked channels that an admission remembers; one that lost more has to be asked about anew. */
const MOST_REMEMBERED = 1000

/** One connection of a user: its subscriptions, and what ends its rights. */
export class Member implements Admission, Listener {
  readonly user: string
  readonly #options: AdmitOptions
  readonly #control: Control
  readonly #holds: Holds
  readonly #subscriptions = new Set<Following>()
  #revoked: Set<string> | undefined
  #hold: Hold | undefined
  #open = true

  constructor(user: string, options: AdmitOptions, control: Control, holds: Holds) {
    this.user = user
    this.#options = options
    this.#control = control
    this.#holds = holds
  }

  async limit(most: number): Promise<void> {
    checkMost(most)
    if (!this.#open || this.#hold) return
    const hold = await this.#holds.take(this.user, most, () => this.#end('connections'))
    if (this.#open) this.#hold = hold
    else hold.release()
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#control.leave(this)
    this.#hold?.release()
    for (const subscription of this.#subscriptions) subscription.close()
  }

  /** Whether a subscription is of an admission of this notifier. */
  isOf(control: Control): boolean {
    return this.#control === control
  }

  /** From now on the subscription goes by this user's rights. */
  cover(subscription: Following): void {
    if (!this.#open) return subscription.close()
    this.#subscriptions.add(subscription)
    if (!this.#control.sure) subscription.block()
  }

  uncover(subscription: Following): void {
    this.#subscriptions.delete(subscription)
  }

  /** Whether the channel was revoked since the admission began. */
  mayNot(channel: string): boolean {
    return this.#revoked?.has(channel) ?? false
  }

  revoked(channels: readonly string[] | undefined): void {
    if (!channels) return this.#end('revoked')
    const fresh = channels.filter((channel) => !this.mayNot(channel))
    if (fresh.length === 0) return
    this.#revoked ??= new Set()
    for (const channel of fresh) this.#revoked.add(channel)
    if (this.#revoked.size > MOST_REMEMBERED) return this.#end('lost')
    for (const subscription of this.#subscriptions) subscription.leave(fresh)
    runSafely('onRevoked of an admission failed', () => this.#options.onRevoked(fresh))
  }

  lost(): void {
    this.#end('lost')
  }

  unsure(): void {
    for (const subscription of this.#subscriptions) subscription.block()
  }

  sure(): void {
    for (const subscription of this.#subscriptions) subscription.unblock()
  }

  #end(reason: AdmissionEnd): void {
    if (!this.#open) return
    this.close()
    runSafely('onEnd of an admission failed', () => this.#options.onEnd(reason))
  }
}
