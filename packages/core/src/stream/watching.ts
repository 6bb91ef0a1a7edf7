import { runSafely } from '../callbacks.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { streamWatch } from '../redis/scripts.gen.ts'
import type { Scope } from './scope.ts'
import type { StreamWatch, StreamWatchEvent } from './watch-types.ts'

/** Workers publish for so long after the last renewal. */
const LASTS_MS = 45_000
const RENEW_MS = 15_000

/** `watch` of a stream: gets the events of its workers in all processes. */
export function createWatching(
  scope: Scope,
): (listener: (event: StreamWatchEvent) => void) => Promise<StreamWatch> {
  const { keys, route, stream, groups, runtime, identity, bind, title } = scope
  const { deadlineMs } = runtime

  return async (listener) => {
    if (typeof listener !== 'function') throw invalid('listener', listener, 'give a function')
    const renew = bind(streamWatch, [])
    const pausing = groups.map((group) => keys.pausing(stream, group)).join(' ')
    const ask = (): Promise<unknown> => renew(route, keys.watched(stream), LASTS_MS, pausing)
    const emit = (event: StreamWatchEvent): void =>
      runSafely('a listener of watch failed', () => listener(event))
    // Also finds out whether Redis can be reached.
    await ask()
    let closed = false
    let timer: NodeJS.Timeout | undefined
    let unfollow: (() => void) | undefined
    let offClose: (() => void) | undefined
    let following: NodeJS.Timeout | undefined

    function close(): void {
      closed = true
      clearInterval(timer)
      clearTimeout(following)
      unfollow?.()
      offClose?.()
    }

    await new Promise<void>((resolve, reject) => {
      following = setTimeout(() => {
        close()
        const why = `its channel could not be followed within ${deadlineMs} ms; the user of Redis needs SSUBSCRIBE`
        reject(new PenknifeError('PENKNIFE_UNAVAILABLE', `watch in ${title}: ${why}`))
      }, deadlineMs)
      offClose = runtime.onCloseWaiting(async () => {
        close()
        reject(new PenknifeError('PENKNIFE_CLOSED', `watch in ${title}: penknife was closed`))
      })
      timer = setInterval(() => void ask().catch(() => {}), RENEW_MS)
      timer.unref()
      unfollow = runtime.subscriber.follow(route, keys.watching(stream), {
        message(text) {
          for (const event of eventsIn(text)) if (!closed) emit({ ...event, ...identity })
        },
        followed() {
          // What happened before is not known, so the listener may want to read the state.
          emit({ kind: 'watching', ...identity })
          ask().catch(() => {})
          clearTimeout(following)
          resolve()
        },
        interrupted: () => emit({ kind: 'interrupted', ...identity }),
      })
    })
    return { close, [Symbol.dispose]: close }
  }
}

/** Nothing of a message that something else sent. */
function eventsIn(text: string): readonly StreamWatchEvent[] {
  try {
    const events: unknown = JSON.parse(text)
    return Array.isArray(events)
      ? events.filter(
          (event: unknown): event is StreamWatchEvent => typeof event === 'object' && event !== null,
        )
      : []
  } catch {
    return []
  }
}
