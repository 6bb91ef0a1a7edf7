import type { NotifierEvent, NotifierSubscribeOptions, NotifierSubscription } from '@penknife/core'

import type { ViewChannel } from './view-channel.ts'

type Options = Pick<NotifierSubscribeOptions, 'onEvent' | 'audience' | 'onAudience'>

/** A subscription to one live view. */
export class ViewSubscription {
  readonly #channel: ViewChannel
  readonly #options: Options
  /** The subscription that callbacks get: it may have other channels too. */
  readonly #whole: NotifierSubscription
  /** The position of the last event. Inside an audience that of the channel counts. */
  #id: string | undefined
  #inside = false
  #paused = false
  #closed = false
  #begun: (() => void) | undefined

  /** @param from the client's position */
  constructor(channel: ViewChannel, options: Options, whole: NotifierSubscription, from: string | undefined) {
    this.#channel = channel
    this.#options = options
    this.#whole = whole
    this.#id = from
  }

  get position(): string | undefined {
    return this.#inside ? this.#channel.id : this.#id
  }

  /** Resolves when the state was delivered; or when it is paused, because the state comes after that. */
  async begin(): Promise<void> {
    this.#channel.enter(this)
    if (this.#paused) return
    if (this.#channel.id !== undefined) return this.#catchUp()
    const begun = new Promise<void>((resolve) => (this.#begun = resolve))
    // Rejects if it cannot be read now. The watch reads it too, at the same time.
    await this.#channel.view.value()
    await begun
  }

  receive(event: NotifierEvent, before: string | undefined): void {
    if (this.#paused || this.#closed) return
    if (event.kind === 'message' && this.#id !== before) return this.#catchUp()
    this.#deliver(event)
  }

  pause(): void {
    this.#paused = true
    this.#begun?.()
    this.#leaveAudience()
  }

  resume(): void {
    this.#paused = false
    if (!this.#closed && this.#channel.id !== undefined) this.#catchUp()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#begun?.()
    this.#leaveAudience()
    this.#channel.exit(this)
  }

  /** Delivers the present state, unless it was delivered. */
  #catchUp(): void {
    if (this.#id === this.#channel.id) this.#joinAudience()
    else this.#deliver(this.#channel.state)
  }

  #deliver(event: NotifierEvent): void {
    this.#id = event.id as string
    this.#options.onEvent(event, this.#whole)
    this.#begun?.()
    this.#begun = undefined
    queueMicrotask(() => this.#joinAudience())
  }

  #joinAudience(): void {
    const { audience, onAudience } = this.#options
    if (!audience || this.#inside || this.#paused || this.#closed || this.#id !== this.#channel.id) return
    this.#inside = true
    this.#channel.gather(this, audience)
    onAudience?.(true, this.#whole)
  }

  #leaveAudience(): void {
    const { audience, onAudience } = this.#options
    if (!audience || !this.#inside) return
    this.#id = this.#channel.id
    this.#inside = false
    this.#channel.scatter(this, audience)
    onAudience?.(false, this.#whole)
  }
}
