/** Node, Deno and Bun let a process end while only such timers run. */
type Timer = ReturnType<typeof setInterval> & { unref?: () => void }

const EVERY_MS = 5000
/** A timer that is this late: the machine slept, or the page was frozen. */
const LATE_MS = 10_000

/** Where browsers emit that the network or the page is back. Other runtimes have none of these. */
const EVENTS: readonly (readonly [target: 'window' | 'document', event: string])[] = [
  ['window', 'online'],
  ['window', 'pageshow'],
  ['document', 'visibilitychange'],
  ['document', 'resume'],
]

/**
 * Calls the listener when time may have passed unnoticed: after sleep, when the page is visible again, and when the network
 * is back; with whether it was frozen, so that nothing could be received. Returns a function that stops it.
 */
export function onWake(wake: (frozen: boolean) => void): () => void {
  let last = Date.now()
  const timer: Timer = setInterval(() => {
    const now = Date.now()
    const late = now - last - EVERY_MS
    last = now
    if (late > LATE_MS) wake(true)
  }, EVERY_MS)
  timer.unref?.()
  const seen = ({ type }: { readonly type: string }): void => {
    const frozen = type === 'resume'
    if (frozen || globalThis.document?.visibilityState !== 'hidden') wake(frozen)
  }
  for (const [target, event] of EVENTS) targetOf(target)?.addEventListener?.(event, seen)
  return () => {
    clearInterval(timer)
    for (const [target, event] of EVENTS) targetOf(target)?.removeEventListener?.(event, seen)
  }
}

/** Whether the browser knows that there is no network. */
export function isOffline(): boolean {
  const { navigator } = globalThis as { readonly navigator?: { readonly onLine?: boolean } }
  return navigator?.onLine === false
}

function targetOf(target: 'window' | 'document'): Partial<EventTarget> | undefined {
  return globalThis[target]
}
