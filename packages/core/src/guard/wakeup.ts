/** Lets a caller wait until it is woken. */
export interface Wakeup {
  /** Wakes the caller, or ends its next wait at once. */
  wake(): void
  /** Resolves when woken or after so many milliseconds; rejects with the signal's reason. */
  wait(ms: number): Promise<void>
}

export function createWakeup(signal: AbortSignal | undefined): Wakeup {
  let woken = false
  let resolveNow: (() => void) | undefined
  return {
    wake() {
      woken = true
      resolveNow?.()
    },
    wait(ms) {
      return new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', aborted)
          resolveNow = undefined
          woken = false
        }
        const aborted = (): void => {
          end()
          reject(signal?.reason as Error)
        }
        const timer = setTimeout(() => resolveNow?.(), Math.min(ms, 2 ** 31 - 1))
        resolveNow = () => {
          end()
          resolve()
        }
        if (signal?.aborted) aborted()
        else if (woken) resolveNow()
        else signal?.addEventListener('abort', aborted, { once: true })
      })
    },
  }
}
