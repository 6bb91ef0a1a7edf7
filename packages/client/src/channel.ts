import type { Frame } from './frames.ts'
import type { LiveChange, LiveRefusal, LiveSubscribeOptions } from './types.ts'
import { applyLiveChange } from './view.ts'

type Listener = LiveSubscribeOptions

/** A channel that a client follows: its position, and its subscriptions. */
export class Channel {
  position: string | undefined
  readonly listeners: Set<Listener> = new Set()
  /** Of a live view: its value, once the server sent it. */
  view: { value?: unknown } | undefined
  /** How often the server could not follow it, since it last did. */
  attempts = 0
  /** Whether the server sent a state: it sends it to each client that begins. */
  stated = false

  constructor(position: string | undefined) {
    this.position = position
  }

  receive(frame: Exclude<Frame, { kind: 'revoked' }>): void {
    const before = this.position
    this.attempts = 0
    if (frame.id !== null) this.position = frame.id
    if (frame.kind === 'state') this.stated = true
    const { view } = this
    if (view && frame.kind === 'state') view.value = frame.state
    else if (view && frame.kind === 'event' && frame.type === 'change')
      view.value = applyLiveChange(view.value, frame.data as LiveChange)
    for (const listener of this.listeners) {
      if (frame.kind === 'event') run(() => listener.onEvent?.(frame))
      else if (frame.kind === 'state') run(() => listener.onState?.(frame.state))
      // A channel that just begins has lost nothing.
      else if (frame.kind === 'reset' && before !== undefined) run(() => listener.onReset?.())
    }
  }

  end(reason: LiveRefusal): void {
    for (const listener of this.listeners) run(() => listener.onEnd?.(reason))
  }
}

/** A callback that fails must not stop the others. */
export function run(callback: () => unknown): void {
  try {
    callback()
  } catch (error) {
    if (globalThis.reportError) globalThis.reportError(error)
    else console.error(error)
  }
}
