import { isOutage, PenknifeError } from '../errors.ts'
import type { NotifierEvent } from './events.ts'
import type { NotifierIterator, NotifierSubscription } from './subscription-types.ts'

/** The most events that wait in memory for `next`. Further ones wait in the history. */
const MAX_WAITING = 100
/** The time between two attempts to subscribe. */
const RETRY_MS = 500

/** Subscribes at the first `next`. Waits while Redis is away. */
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
  let unregister = (): void => {}

  async function begin(): Promise<void> {
    if (over) return
    try {
      const followed = await follow((event, subscription, before) =>
        iteration.onEvent(event, subscription, before),
      )
      close = () => void followed.close()
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
    unregister()
    signal?.removeEventListener('abort', aborted)
    // First: a closed subscription has no positions.
    iteration.end(error)
    close?.()
  }
  const aborted = (): void => end(signal?.reason)
  signal?.addEventListener('abort', aborted)
  if (signal?.aborted) aborted()

  return {
    async next() {
      if (!begun && !over) {
        begun = true
        unregister = onClose(async () =>
          end(new PenknifeError('PENKNIFE_CLOSED', 'events: penknife was closed')),
        )
        void begin()
      }
      return iteration.next()
    },
    async return() {
      end()
      return { done: true, value: undefined }
    },
    cursors: () => iteration.cursors(),
    async [Symbol.asyncDispose]() {
      end()
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

interface Iteration {
  /** Called with an event of the subscription, and the position before it. */
  onEvent(event: NotifierEvent, from: NotifierSubscription, before: string): void
  /** Called when its subscription is ready. */
  follow(subscription: NotifierSubscription): void
  /** Ends the iteration, with an error if one is given. */
  end(error?: unknown): void
  next(): Promise<IteratorResult<NotifierEvent, undefined>>
  /** For each channel the position of the last event that `next` returned. */
  cursors(): Readonly<Record<string, string>>
}

/** Turns a subscription's callbacks into the steps of an iterator with bounded memory. */
function createIteration(): Iteration {
  const waiting: NotifierEvent[] = []
  const requests: PromiseWithResolvers[] = []
  /** Positions of events that `next` returned. For a channel without one the subscription's position counts. */
  const returned = new Map<string, string>()
  let subscription: NotifierSubscription | undefined
  let paused = false
  let over: { readonly error: unknown } | undefined

  function serve(): void {
    while (requests.length > 0 && (waiting.length > 0 || over)) {
      const { resolve, reject } = requests.shift() as PromiseWithResolvers
      const event = waiting.shift()
      if (event) {
        if (event.id !== null) returned.set(event.channel, event.id)
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

  /** The subscription's positions, but those of channels whose events wait. */
  function others(): readonly (readonly [channel: string, position: string])[] {
    const waitingChannels = new Set(waiting.map(({ channel }) => channel))
    return Object.entries(subscription?.cursors() ?? {}).filter(([channel]) => !waitingChannels.has(channel))
  }

  return {
    onEvent(event, from, before) {
      if (over) return
      subscription = from
      if (!returned.has(event.channel) && before !== '+') returned.set(event.channel, before)
      waiting.push(event)
      if (waiting.length >= MAX_WAITING && !paused) {
        paused = true
        from.pause()
      }
      serve()
    },
    follow(found) {
      if (over) return
      subscription = found
      if (paused) found.pause()
      serve()
    },
    end(error) {
      over ??= { error }
      // What the subscription delivers from now on is not returned.
      for (const [channel, position] of others()) returned.set(channel, position)
      subscription = undefined
      if (error === undefined) waiting.length = 0
      serve()
    },
    next: () =>
      new Promise((resolve, reject) => {
        requests.push({ resolve, reject })
        serve()
      }),
    cursors: () => ({ ...Object.fromEntries(returned), ...Object.fromEntries(others()) }),
  }
}

interface PromiseWithResolvers {
  resolve(result: IteratorResult<NotifierEvent, undefined>): void
  reject(error: unknown): void
}
