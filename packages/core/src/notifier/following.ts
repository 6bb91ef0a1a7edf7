import type { Member } from './admission.ts'
import type { Lane, LaneOptions } from './lane.ts'
import type { NotifierEvent } from './events.ts'
import type { Shared } from './checks.ts'
import type { Subscription } from './types.ts'

export type OnEvent = (event: NotifierEvent, subscription: Subscription, before: string) => void

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
      try {
        if (this.#open) onEvent(event, this, before)
      } catch (error) {
        // A listener's fault must not break the delivery to others, nor pass unseen.
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
    admission?.cover(this)
  }

  get open(): boolean {
    return this.#open
  }

  /** As its lanes take it. */
  sharing({ audience, onAudience }: Shared): Pick<LaneOptions, 'audience' | 'onAudience'> {
    return audience ? { audience, onAudience: (inside) => onAudience?.(inside, this) } : {}
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
