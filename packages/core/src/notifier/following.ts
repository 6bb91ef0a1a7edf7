import { isPromiseLike, reportFault, runSafely } from '../callbacks.ts'
import type { Member } from './admission.ts'
import type { Lane, LaneOptions } from './lane.ts'
import type { NotifierEvent } from './events.ts'
import type { Shared } from './checks.ts'
import type { Subscription } from './types.ts'

export type OnEvent = (event: NotifierEvent, subscription: Subscription, before: string) => unknown

const FAILED = 'onEvent of a subscription failed'

/** A subscription: its lanes, one for each channel. */
export class Following implements Subscription {
  readonly deliver: LaneOptions['deliver']
  readonly #lanes = new Map<string, Lane>()
  readonly #leave: (channel: string, lane: Lane) => void
  readonly #admission: Member | undefined
  #open = true
  /** By who subscribed. */
  #paused = false
  /** Because nobody knows whether it still may follow its channels. */
  #blocked = false

  constructor(onEvent: OnEvent, leave: (channel: string, lane: Lane) => void, admission: Member | undefined) {
    this.#leave = leave
    this.#admission = admission
    this.deliver = (event, before) => {
      // A listener's fault must not break the delivery to others, nor pass unseen. For each event: no closure.
      try {
        const result: unknown = this.#open ? onEvent(event, this, before) : undefined
        if (isPromiseLike(result)) runSafely(FAILED, () => result)
      } catch (error) {
        reportFault(FAILED, error)
      }
    }
    admission?.cover(this)
  }

  get open(): boolean {
    return this.#open
  }

  /** As its lanes take it. */
  sharing({ audience, onAudience }: Shared): Pick<LaneOptions, 'audience' | 'onAudience'> {
    return audience
      ? {
          audience,
          onAudience: (inside) => runSafely('onAudience failed', () => onAudience?.(inside, this)),
        }
      : {}
  }

  add(channel: string, lane: Lane): void {
    this.#lanes.set(channel, lane)
    if (this.#blocked) lane.pause()
  }

  cursors(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#lanes].map(([channel, lane]) => [channel, lane.position]))
  }

  pause(): void {
    this.#paused = true
    for (const lane of this.#lanes.values()) lane.pause()
  }

  resume(): void {
    this.#paused = false
    if (!this.#blocked) for (const lane of this.#lanes.values()) lane.resume()
  }

  /** As `pause`, for the admission. */
  block(): void {
    this.#blocked = true
    for (const lane of this.#lanes.values()) lane.pause()
  }

  unblock(): void {
    this.#blocked = false
    if (!this.#paused) for (const lane of this.#lanes.values()) lane.resume()
  }

  leave(channels: readonly string[]): void {
    for (const channel of channels) {
      const lane = this.#lanes.get(channel)
      if (!lane) continue
      this.#leave(channel, lane)
      this.#lanes.delete(channel)
    }
  }

  close(): void {
    this.#open = false
    this.leave([...this.#lanes.keys()])
    this.#admission?.uncover(this)
  }
}
