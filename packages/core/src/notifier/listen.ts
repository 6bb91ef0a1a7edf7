import { runSafely } from '../callbacks.ts'
import type { Route } from '../redis/keys.ts'
import type { Subscriber } from '../redis/subscriber.ts'
import { parseNudge } from './messages.ts'
import { matcher } from './patterns.ts'
import type { NotifierNudge } from './events.ts'
import type { Unreadable } from './unreadable.ts'

export interface ListenOptions {
  readonly subscriber: Subscriber
  readonly route: Route
  /** The pub/sub channel of all nudges of the notifier. */
  readonly nudges: string
  readonly patterns: readonly string[]
  readonly onEvent: (event: NotifierNudge) => void
  readonly unreadable: Unreadable
}

/** Delivers the nudges whose channels match a pattern. `ready` resolves when the server acknowledged the subscription. */
export function listen({ subscriber, route, nudges, patterns, onEvent, unreadable }: ListenOptions): {
  readonly ready: Promise<void>
  end(): void
} {
  const fits = matcher(patterns)
  let open = true
  let begun: (() => void) | undefined
  const ready = new Promise<void>((resolve) => (begun = resolve))

  function deliver(event: NotifierNudge): void {
    if (open) runSafely('onEvent of notifier.listen failed', () => onEvent(event))
  }

  const unfollow = subscriber.follow(route, nudges, {
    message(text) {
      const channel = text.slice(0, Math.max(0, text.indexOf('\n')))
      if (channel !== '' && !fits(channel)) return
      const nudge = parseNudge(channel, text)
      if (nudge) deliver(nudge)
      else unreadable(`the pub/sub channel ${nudges}`, text)
    },
    followed() {
      if (begun) {
        begun()
        begun = undefined
      } else deliver({ kind: 'interrupted' })
    },
  })
  return {
    ready,
    end() {
      open = false
      unfollow()
    },
  }
}
