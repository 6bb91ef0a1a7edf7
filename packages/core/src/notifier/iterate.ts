import { isOutage, PenknifeError } from '../errors.ts'
import type { NotifierEvent } from './events.ts'
import type { EventIterator, Subscription } from './subscription-types.ts'

/** Events that wait in memory for who iterates; beyond it they wait in the history. */
const MOST_WAITING = 100
/** Before it tries again to begin. */
const RETRY_MS = 500

/** Follows from the first `next` on, and waits for Redis as long as it takes. */
export function iterate(
  follow: (
    onEvent: (event: NotifierEvent, subscription: Subscription, before: string) => void,
  ) => Promise<Subscription>,
  signal: AbortSignal | undefined,
  onClose: (end: () => Promise<void>) => () => void,
): EventIterator {
  const iteration = createIteration()
  let begun = false
  let over = false
  let close: (() => void) | undefined
  let forget = (): void => {}

  async function begin(): Promise<void> {
    if (over) return
    try {
      const followed = await follow((event, subscription, before) =>
        iteration.onEvent(event, subscription, before),
      )
      close = () => followed.close()
      if (over) close()
      else iteration.follow(followed)
    } catch (error) {
      if (over) return
      if (isOutage(error)) setTimeout(() => void begin(), RETRY_MS)
      else end(error)
    }
  }

  function end(error?: unknown): void {
    over = true
    forget()
    signal?.removeEventListener('abort', aborted)
    close?.()
    iteration.end(error)
  }
  const aborted = (): void => end(signal?.reason)
  signal?.addEventListener('abort', aborted)
  if (signal?.aborted) aborted()

  return {
    async next() {
      if (!begun && !over) {
        begun = true
        forget = onClose(async () => end(new PenknifeError('PENKNIFE_CLOSED', 'events: penknife was closed')))
        void begin()
      }
      return iteration.next()
    },
    async return() {
      end()
      return { done: true, value: undefined }
    },
    cursors: () => iteration.cursors(),
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

interface Iteration {
  /** Takes an event of the subscription, and the position before it. */
  onEvent(event: NotifierEvent, from: Subscription, before: string): void
  /** What delivers to it, once there is one. */
  follow(subscription: Subscription): void
  /** Ends the iteration, with an error if there is one. */
  end(error?: unknown): void
  next(): Promise<IteratorResult<NotifierEvent, undefined>>
  /** For each channel the position of what was taken out. */
  cursors(): Readonly<Record<string, string>>
}

/** Turns a subscription's callbacks into the steps of an iterator of bounded memory. */
function createIteration(): Iteration {
  const waiting: NotifierEvent[] = []
  const asked: PromiseWithResolvers[] = []
  /** Positions of what was taken; without one a channel is as far as its subscription. */
  const taken = new Map<string, string>()
  let subscription: Subscription | undefined
  let paused = false
  let over: { readonly error: unknown } | undefined

  function serve(): void {
    while (asked.length > 0 && (waiting.length > 0 || over)) {
      const { resolve, reject } = asked.shift() as PromiseWithResolvers
      const event = waiting.shift()
      if (event) {
        if (event.id !== null) taken.set(event.channel, event.id)
        resolve({ done: false, value: event })
      } else if (over?.error === undefined) resolve({ done: true, value: undefined })
      else {
        reject(over.error)
        over = { error: undefined }
      }
    }
    if (asked.length > 0 && paused) {
      paused = false
      subscription?.resume()
    }
  }

  return {
    onEvent(event, from, before) {
      if (over) return
      subscription = from
      if (!taken.has(event.channel) && before !== '+') taken.set(event.channel, before)
      waiting.push(event)
      if (waiting.length >= MOST_WAITING && !paused) {
        paused = true
        from.pause()
      }
      serve()
    },
    follow(found) {
      subscription = found
      if (paused) found.pause()
      serve()
    },
    end(error) {
      over ??= { error }
      if (error === undefined) waiting.length = 0
      serve()
    },
    next: () =>
      new Promise((resolve, reject) => {
        asked.push({ resolve, reject })
        serve()
      }),
    cursors() {
      const held = new Set(waiting.map(({ channel }) => channel))
      const now = Object.entries(subscription?.cursors() ?? {}).filter(([channel]) => !held.has(channel))
      return { ...Object.fromEntries(taken), ...Object.fromEntries(now) }
    },
  }
}

interface PromiseWithResolvers {
  resolve(result: IteratorResult<NotifierEvent, undefined>): void
  reject(error: unknown): void
}
