import type { Lane, LaneOptions } from './lane.ts'
import type { NotifierEvent, Subscription } from './types.ts'

export type OnEvent = (event: NotifierEvent, subscription: Subscription, before: string) => void

/** A subscription: its lanes, one for each channel. */
export class Following implements Subscription {
  readonly lanes: Map<string, Lane> = new Map<string, Lane>()
  readonly deliver: LaneOptions['deliver']
  readonly #leave: (channel: string, lane: Lane) => void
  #open = true

  constructor(onEvent: OnEvent, leave: (channel: string, lane: Lane) => void) {
    this.#leave = leave
    this.deliver = (event, before) => {
      try {
        if (this.#open) onEvent(event, this, before)
      } catch (error) {
        // A listener's fault must not break the delivery to others, nor pass unseen.
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
  }

  cursors(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.lanes].map(([channel, lane]) => [channel, lane.position]))
  }

  pause(): void {
    for (const lane of this.lanes.values()) lane.pause()
  }

  resume(): void {
    for (const lane of this.lanes.values()) lane.resume()
  }

  close(): void {
    this.#open = false
    for (const [channel, lane] of this.lanes) this.#leave(channel, lane)
    this.lanes.clear()
  }
}
