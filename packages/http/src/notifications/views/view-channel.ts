import { randomInt } from 'node:crypto'

import type { LiveUpdate, LiveView, NotifierAudience, NotifierEvent, NotifierMessage } from '@penknife/core'
import { runSafely } from '@penknife/core/internal'

/** Not a hash: a position of a view is good only as long as the view has this value. */
const TAG = '000000'

/** A subscription, as its channel uses it. */
interface ViewMember {
  /** @param before the position before the event */
  receive(event: NotifierEvent, before: string | undefined): void
}

/**
 * A live view as a channel: a `state`, then events of the type `change`. Nothing is stored. A client that was away, or too slow, gets the
 * state, unless it has the present one.
 */
export class ViewChannel {
  readonly name: string
  readonly view: LiveView
  readonly #onEmpty: () => void
  /** The subscriptions that get their own events. */
  readonly #alone = new Set<ViewMember>()
  readonly #audiences = new Map<NotifierAudience, Set<ViewMember>>()
  readonly #epoch = String(Date.now() * 1000 + randomInt(1000))
  #offset = 0
  #value: unknown
  #unwatch: (() => void) | undefined
  #subscriptions = 0

  constructor(name: string, view: LiveView, onEmpty: () => void) {
    this.name = name
    this.view = view
    this.#onEmpty = onEmpty
  }

  /** The position of the present value. Undefined before there is one. */
  get id(): string | undefined {
    return this.#offset === 0 ? undefined : `${this.#epoch}-${this.#offset}-${TAG}`
  }

  get state(): NotifierEvent {
    return { kind: 'state', channel: this.name, id: this.id as string, state: this.#value }
  }

  enter(subscription: ViewMember): void {
    this.#subscriptions += 1
    this.#alone.add(subscription)
    this.#unwatch ??= this.view.watch((update) => this.#receive(update))
  }

  exit(subscription: ViewMember): void {
    this.#alone.delete(subscription)
    this.#subscriptions -= 1
    if (this.#subscriptions > 0) return
    this.#unwatch?.()
    this.#onEmpty()
  }

  /** From now on the audience gets the subscription's events. */
  gather(subscription: ViewMember, audience: NotifierAudience): void {
    this.#alone.delete(subscription)
    const members = this.#audiences.get(audience)
    if (members) members.add(subscription)
    else this.#audiences.set(audience, new Set([subscription]))
  }

  /** The subscription gets its own events again. */
  scatter(subscription: ViewMember, audience: NotifierAudience): void {
    const members = this.#audiences.get(audience)
    members?.delete(subscription)
    if (members?.size === 0) this.#audiences.delete(audience)
    this.#alone.add(subscription)
  }

  #receive(update: LiveUpdate<unknown>): void {
    const before = this.id
    this.#offset += 1
    this.#value = update.value
    const event = update.kind === 'change' ? this.#messageOf(update.change) : this.state
    // Copied first: who leaves an audience during the write got this event already.
    const alone = [...this.#alone]
    for (const audience of this.#audiences.keys())
      runSafely('onEvent of an audience failed', () => audience.onEvent(event))
    for (const subscription of alone) subscription.receive(event, before)
  }

  #messageOf(data: unknown): NotifierMessage {
    const json = JSON.stringify(data)
    return { kind: 'message', channel: this.name, id: this.id as string, type: 'change', json, data }
  }
}
