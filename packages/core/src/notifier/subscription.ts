import { isPromiseLike, reportFault, runSafely } from '../callbacks.ts'
import { closeDeadlineMs } from '../closing.ts'
import type { CloseOptions } from '../redis/penknife.ts'
import type { Shared } from './checks.ts'
import type { NotifierEvent } from './events.ts'
import type { Follower } from './fan-out/follower.ts'
import type { FollowerOptions } from './fan-out/types.ts'
import type { UserAdmission } from './rights/admission.ts'
import type { NotifierSubscription } from './subscription-types.ts'

export type OnEvent = (event: NotifierEvent, subscription: NotifierSubscription, before: string) => unknown

const FAILED = 'onEvent of a subscription failed'

/** A subscription: its followers, one for each channel. */
export class ChannelSubscription implements NotifierSubscription {
  readonly deliver: FollowerOptions['deliver']
  readonly #followers = new Map<string, Follower>()
  readonly #leave: (channel: string, follower: Follower) => void
  readonly #admission: UserAdmission | undefined
  #open = true
  #ended: () => void = () => {}
  /** Whether the subscriber paused it. */
  #paused = false
  /** Whether the admission paused it, because revocations may be missing. */
  #blocked = false

  constructor(
    onEvent: OnEvent,
    leave: (channel: string, follower: Follower) => void,
    admission: UserAdmission | undefined,
  ) {
    this.#leave = leave
    this.#admission = admission
    this.deliver = (event, before) => {
      // A listener's error must not break the delivery to others, and is reported. No closure, because this runs for each event.
      try {
        const result: unknown = this.#open ? onEvent(event, this, before) : undefined
        if (isPromiseLike(result)) runSafely(FAILED, () => result)
      } catch (error) {
        reportFault(FAILED, error)
      }
    }
    admission?.cover(this)
  }

  /** Calls a function once, when it ends. */
  onEnd(ended: () => void): void {
    this.#ended = ended
  }

  get open(): boolean {
    return this.#open
  }

  /** The audience, in the form of follower options. */
  sharing({ audience, onAudience }: Shared): Pick<FollowerOptions, 'audience' | 'onAudience'> {
    return audience
      ? {
          audience,
          onAudience: (inside) => runSafely('onAudience failed', () => onAudience?.(inside, this)),
        }
      : {}
  }

  add(channel: string, follower: Follower): void {
    this.#followers.set(channel, follower)
    if (this.#blocked) follower.pause()
  }

  cursors(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#followers].map(([channel, follower]) => [channel, follower.position.id]),
    )
  }

  pause(): void {
    this.#paused = true
    for (const follower of this.#followers.values()) follower.pause()
  }

  resume(): void {
    this.#paused = false
    if (!this.#blocked) for (const follower of this.#followers.values()) follower.resume()
  }

  /** As `pause`, for the admission. */
  block(): void {
    this.#blocked = true
    for (const follower of this.#followers.values()) follower.pause()
  }

  unblock(): void {
    this.#blocked = false
    if (!this.#paused) for (const follower of this.#followers.values()) follower.resume()
  }

  leave(channels: readonly string[]): void {
    for (const channel of channels) {
      const follower = this.#followers.get(channel)
      if (!follower) continue
      this.#leave(channel, follower)
      this.#followers.delete(channel)
    }
  }

  /** As `close`, for callers that need no promise. */
  end(): void {
    if (this.#open) this.#ended()
    this.#open = false
    this.leave([...this.#followers.keys()])
    this.#admission?.uncover(this)
  }

  close(options: CloseOptions = {}): Promise<void> {
    closeDeadlineMs(options, 0)
    this.end()
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end()
  }
}
