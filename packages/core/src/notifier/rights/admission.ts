import { runSafely } from '../../callbacks.ts'
import { closeDeadlineMs } from '../../closing.ts'
import type { CloseOptions } from '../../redis/penknife.ts'
import { checkMost } from '../checks.ts'
import type { Connections, CountedConnection } from './connections.ts'
import type { Control, RightsListener } from './control.ts'
import type { NotifierAdmission, NotifierAdmissionEnd, NotifierAdmitOptions } from './types.ts'

/** The most revoked channels that an admission remembers. With more it ends as 'lost'. */
const MOST_REMEMBERED = 1000

/** What an admission does with a subscription that depends on its rights. */
export interface AdmittedSubscription {
  leave(channels: readonly string[]): void
  /** Delivers nothing until `unblock`, because revocations may be missing. */
  block(): void
  unblock(): void
  end(): void
}

/**
 * Makes a subscription that is not the notifier's depend on the rights of an admission. Returns a function that ends it. Does nothing for
 * an admission that another object than a notifier made.
 */
export function coverWith(admission: NotifierAdmission, subscription: AdmittedSubscription): () => void {
  if (!(admission instanceof UserAdmission)) return () => {}
  admission.cover(subscription)
  return () => admission.uncover(subscription)
}

/** One connection of a user: its subscriptions, and the end of its rights. */
export class UserAdmission implements NotifierAdmission, RightsListener {
  readonly user: string
  readonly #options: NotifierAdmitOptions
  readonly #control: Control
  readonly #connections: Connections
  readonly #subscriptions = new Set<AdmittedSubscription>()
  #revoked: Set<string> | undefined
  #counted: CountedConnection | undefined
  #open = true

  constructor(user: string, options: NotifierAdmitOptions, control: Control, connections: Connections) {
    this.user = user
    this.#options = options
    this.#control = control
    this.#connections = connections
  }

  async limit(most: number): Promise<void> {
    checkMost(most)
    if (!this.#open || this.#counted) return
    const counted = await this.#connections.count(this.user, most, () => this.#end('connections'))
    if (this.#open) this.#counted = counted
    else counted.release()
  }

  close(options: CloseOptions = {}): Promise<void> {
    closeDeadlineMs(options, 0)
    this.#close()
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
  }

  /** Whether it belongs to the notifier with this control. */
  isOf(control: Control): boolean {
    return this.#control === control
  }

  /** Makes the subscription depend on this user's rights. */
  cover(subscription: AdmittedSubscription): void {
    if (!this.#open) return subscription.end()
    this.#subscriptions.add(subscription)
    if (!this.#control.complete) subscription.block()
  }

  uncover(subscription: AdmittedSubscription): void {
    this.#subscriptions.delete(subscription)
  }

  /** Whether the channel was revoked since the admission began. */
  isRevoked(channel: string): boolean {
    return this.#revoked?.has(channel) ?? false
  }

  revoked(channels: readonly string[] | undefined): void {
    if (!channels) return this.#end('revoked')
    const fresh = channels.filter((channel) => !this.isRevoked(channel))
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

  incomplete(): void {
    for (const subscription of this.#subscriptions) subscription.block()
  }

  complete(): void {
    for (const subscription of this.#subscriptions) subscription.unblock()
  }

  #close(): void {
    if (!this.#open) return
    this.#open = false
    this.#control.leave(this)
    this.#counted?.release()
    for (const subscription of this.#subscriptions) subscription.end()
  }

  #end(reason: NotifierAdmissionEnd): void {
    if (!this.#open) return
    this.#close()
    runSafely('onEnd of an admission failed', () => this.#options.onEnd(reason))
  }
}
