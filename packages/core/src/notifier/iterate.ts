import { isOutage, PenknifeError } from '../errors.ts'
import type { NotifierEvent } from './events.ts'
import type { NotifierIterator, NotifierSubscription } from './subscription-types.ts'

/** Events that wait in memory for `next`; further ones wait in the history. */
const MOST_WAITING = 100
/** Between two attempts to begin. */
const RETRY_MS = 500

/** Subscribes at the first `next`, and waits for Redis as long as an outage lasts. */
export function iterate(
  follow: (
    onEvent: (event: NotifierEvent, subscription: NotifierSubscription, before: string) => void,
  ) => Promise<NotifierSubscription>,
  signal: AbortSignal | undefined,
  onClose: (end: () => Promise<void>) => () => void,
): NotifierIterator {
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
  onEvent(event: NotifierEvent, from: NotifierSubscription, before: string): void
  /** The subscription that delivers to it is ready. */
  follow(subscription: NotifierSubscription): void
  /** Ends the iteration, with an error if there is one. */
  end(error?: unknown): void
  next(): Promise<IteratorResult<NotifierEvent, undefined>>
  /** For each channel the position of the last event that `next` gave out. */
  cursors(): Readonly<Record<string, string>>
}

/** Turns a subscription's callbacks into the steps of an iterator of bounded memory. */
function createIteration(): Iteration {
  const waiting: NotifierEvent[] = []
  const requests: PromiseWithResolvers[] = []
  /** Positions of events given out; a channel without one is where its subscription is. */
  const givenOut = new Map<string, string>()
  let subscription: NotifierSubscription | undefined
  let paused = false
  let over: { readonly error: unknown } | undefined

  function serve(): void {
    while (requests.length > 0 && (waiting.length > 0 || over)) {
      const { resolve, reject } = requests.shift() as PromiseWithResolvers
      const event = waiting.shift()
      if (event) {
        if (event.id !== null) givenOut.set(event.channel, event.id)
        resolve({ done: false, value: event })
      } else if (over?.error === undefined) resolve({ done: true, value: undefined })
      else {
        reject(over.error)
        over = { error: undefined }
      }
    }
    if (requests.length > 0 && paused) {
      paused = false
      subscription?.resume()
    }
  }

  return {
    onEvent(event, from, before) {
      if (over) return
      subscription = from
      if (!givenOut.has(event.channel) && before !== '+') givenOut.set(event.channel, before)
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
        requests.push({ resolve, reject })
        serve()
      }),
    cursors() {
      const waitingChannels = new Set(waiting.map(({ channel }) => channel))
      const others = Object.entries(subscription?.cursors() ?? {}).filter(
        ([channel]) => !waitingChannels.has(channel),
      )
      return { ...Object.fromEntries(givenOut), ...Object.fromEntries(others) }
    },
  }
}

interface PromiseWithResolvers {
  resolve(result: IteratorResult<NotifierEvent, undefined>): void
  reject(error: unknown): void
}
