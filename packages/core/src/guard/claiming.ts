import { setTimeout as delay } from 'node:timers/promises'

import { isOutage } from '../errors.ts'
import type { Route } from '../redis/keys.ts'
import type { Runtime } from '../redis/penknife.ts'
import { createWakeup } from './wakeup.ts'

/** Behind the end of another's lease, so that the next try finds it over. */
const BEHIND_MS = 2
/** Before a result that could not be stored is sent again. */
const AGAIN_MS = 100

/** One try to claim, which may wait for the caller that has the claim. */
export interface Claiming {
  readonly route: Route
  /** Channel on which lua/guard/complete.lua publishes what came of the claim. */
  readonly live: string
  /** Asks Redis: a reply of claim.lua or claim_request.lua. */
  readonly claim: () => Promise<string>
  /** Milliseconds to wait while another caller has the claim. */
  readonly waitMs: number
  readonly signal: AbortSignal | undefined
}

/** What Redis replied last, or what was published; `sentAt` is from before the call, by performance.now(). */
export interface Claimed {
  readonly text: string
  readonly sentAt: number
}

/**
 * Claims, or waits until the caller that has the claim completes it. The text begins with "c" when the claim is the caller's, and with "w"
 * when the wait ended first. A published "n" lets this caller try.
 *
 * Cost: one script call; for a caller that waits a subscription, and one more script call for each claim that was given up or expired.
 */
export async function claimOrWait(
  { subscriber, movedTime }: Pick<Runtime, 'subscriber' | 'movedTime'>,
  { route, live, claim, waitMs, signal }: Claiming,
): Promise<Claimed> {
  const until = performance.now() + waitMs
  const wakeup = createWakeup(signal)
  let said: string | undefined
  let unfollow: (() => void) | undefined
  let ignoreMoves: (() => void) | undefined
  try {
    for (;;) {
      signal?.throwIfAborted()
      const sentAt = performance.now()
      const text = await claim()
      const leftMs = until - performance.now()
      if (!text.startsWith('w') || leftMs <= 0) return { text, sentAt }
      unfollow ??= subscriber.follow(route, live, {
        message(published) {
          said = published
          wakeup.wake()
        },
        // The claim may have been completed before: ask.
        followed: () => wakeup.wake(),
      })
      ignoreMoves ??= movedTime.on(() => wakeup.wake())
      await wakeup.wait(Math.min(leftMs, Number(text.slice(1)) + BEHIND_MS))
      const published = said
      said = undefined
      if (published !== undefined && !published.startsWith('n')) return { text: published, sentAt }
    }
  } finally {
    unfollow?.()
    ignoreMoves?.()
  }
}

/** How a completion is sent until it is certain. */
export interface Completing {
  /** Whether Redis completed the claim. */
  readonly complete: () => Promise<boolean>
  /** Claims again with the same token; the reply has what is stored if the claim is not the caller's. */
  readonly claim: () => Promise<string>
  /** What is stored when the completion was carried out. */
  readonly stored: string
  /** Milliseconds for which the claim surely lasts. */
  readonly leftMs: () => number
}

/**
 * Completes a claim, again and again while Redis is away and the claim lasts. False when another caller took over.
 *
 * @throws the error of the last try.
 */
export async function completeClaim({ complete, claim, stored, leftMs }: Completing): Promise<boolean> {
  for (let unsure = false; ;) {
    try {
      if (await complete()) return true
      if (!unsure) return false
      // A call of unknown fate may have completed it. If it did not, the claim is the caller's again.
      const text = await claim()
      if (text !== 'c') return text === stored
    } catch (error) {
      if (!isOutage(error) || leftMs() < AGAIN_MS) throw error
      unsure = true
      await delay(AGAIN_MS)
    }
  }
}
