import type { Route } from '../redis/keys.ts'
import type { Subscriber } from '../redis/subscriber.ts'
import { parseNudge } from './messages.ts'
import { matcher } from './patterns.ts'
import type { NudgeEvent } from './events.ts'

export interface ListenTo {
  readonly subscriber: Subscriber
  readonly route: Route
  /** The pub/sub channel of all nudges of the notifier. */
  readonly nudges: string
  readonly patterns: readonly string[]
  readonly onEvent: (event: NudgeEvent) => void
}

/** Hears the nudges whose channels fit: `ready` when the server acknowledged it. */
export function listen({ subscriber, route, nudges, patterns, onEvent }: ListenTo): {
  readonly ready: Promise<void>
  close(): void
} {
  const fits = matcher(patterns)
  let open = true
  let begun: (() => void) | undefined
  const ready = new Promise<void>((resolve) => (begun = resolve))

  function tell(event: NudgeEvent): void {
    try {
      if (open) onEvent(event)
    } catch (error) {
      // A listener's fault must not break the delivery to others, nor pass unseen.
      process.emitWarning(error instanceof Error ? error : String(error))
    }
  }

  const unfollow = subscriber.follow(route, nudges, {
    message(text) {
      const channel = text.slice(0, text.indexOf('\n'))
      if (fits(channel)) tell(parseNudge(channel, text))
    },
    followed() {
      if (begun) {
        begun()
        begun = undefined
      } else tell({ kind: 'interrupted' })
    },
  })
  return {
    ready,
    close() {
      open = false
      unfollow()
    },
  }
}
