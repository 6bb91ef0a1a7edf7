import { runSafely } from '../callbacks.ts'
import { durationMs, LONGEST_DEADLINE_MS } from '../duration.ts'
import { invalid, isOutage, PenknifeError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { StreamResult, StreamResultOptions } from './entry-state-types.ts'
import { checkId } from './ids.ts'
import type { Locator } from './locate.ts'
import { decodeOutcome } from './outcome.ts'
import { createOutputReader, outputPlace } from './output.ts'
import type { Scope } from './scope.ts'

/** The time after which the outcome is looked for again while its channel cannot be followed. */
const UNFOLLOWED_MS = 5000

/** `result` of a stream: waits for the outcome of an entry, without asking again and again. */
export function createResults(
  scope: Scope,
  { locate }: Pick<Locator, 'locate'>,
): (id: string, options?: StreamResultOptions) => Promise<StreamResult> {
  const { keys, route, stream, runtime } = scope

  return async (id, options = {}) => {
    checkOptions('result', options, ['signal', 'timeout', 'onProgress', 'onOutput', 'after'])
    const { signal, timeout, onProgress, onOutput, after } = options
    const group = scope.onlyGroup('result')
    checkId('id', id)
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw invalid('signal', signal, 'give an AbortSignal')
    }
    for (const [name, listener] of Object.entries({ onProgress, onOutput })) {
      if (listener !== undefined && typeof listener !== 'function')
        throw invalid(name, listener, 'give a function')
    }
    const from = outputPlace(after)
    const timeoutMs =
      timeout === undefined ? undefined : durationMs('timeout', timeout, { min: 0, max: LONGEST_DEADLINE_MS })
    signal?.throwIfAborted()

    return new Promise<StreamResult>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      let unfollow: (() => void) | undefined
      let ended = false
      let offClose: (() => void) | undefined
      let messages = 0
      let followed = false
      let looking: NodeJS.Timeout | undefined
      let last: string | undefined

      function progressed(json: string): void {
        if (ended || onProgress === undefined || json === last) return
        last = json
        const progress: unknown = JSON.parse(json)
        runSafely('the onProgress function of result failed', () => onProgress(progress))
      }

      function end<Value>(settle: (value: Value) => void, value: Value): void {
        if (ended) return
        ended = true
        unfollow?.()
        offClose?.()
        clearTimeout(timer)
        clearTimeout(looking)
        signal?.removeEventListener('abort', aborted)
        settle(value)
      }
      const aborted = (): void => end(reject, signal?.reason as Error)
      const output =
        onOutput &&
        createOutputReader(
          scope,
          { group, id, from },
          (part) => {
            if (!ended) onOutput(part)
          },
          (error) => end(reject, error),
        )

      /** Reads what happened so far. With `again` an outage does not end the wait, because it reads once more later. */
      async function look(again: boolean = false): Promise<void> {
        const before = messages
        try {
          const { state, outcome, keeps, progress } = await locate(id, 'outcome')
          // A message that came meanwhile is newer.
          if (progress !== undefined && messages === before) progressed(JSON.stringify(progress))
          // After the outcome was read, nothing more is written.
          await output?.catchUp()
          if (outcome !== undefined) end(resolve, outcome)
          else if (state === 'gone' || state === 'dead') end(resolve, { state: 'unknown' } as const)
          else if (!keeps) end(reject, invalid('id', id, NOT_KEPT))
        } catch (error) {
          if (!again || !isOutage(error)) end(reject, error)
        }
      }

      /** Without the channel no message says that the entry ended. */
      function lookUnfollowed(): void {
        clearTimeout(looking)
        if (ended || followed) return
        looking = setTimeout(() => void look(true).then(lookUnfollowed), UNFOLLOWED_MS)
      }

      // An outcome that comes between the two is in a message, in what `look` reads, or in both.
      function follow(): void {
        if (ended) return
        unfollow = runtime.subscriber.follow(route, keys.outcomes(stream, group) + id, {
          message(text) {
            messages += 1
            const kind = text[0]
            const rest = text.slice(1)
            if (kind === 'p') progressed(rest)
            else if (kind === 'o') output?.message(rest)
            else if (kind === 'r' && output) void look()
            else if (kind === 'r') end(resolve, decodeOutcome(rest))
          },
          followed() {
            followed = true
            void look()
          },
          interrupted() {
            followed = false
            lookUnfollowed()
          },
        })
        lookUnfollowed()
      }

      offClose = runtime.onCloseWaiting(async () =>
        end(reject, new PenknifeError('PENKNIFE_CLOSED', `result in ${scope.title}: penknife was closed`)),
      )
      // penknife was closed before.
      if (ended) return
      signal?.addEventListener('abort', aborted, { once: true })
      if (timeoutMs !== undefined) {
        timer = setTimeout(() => end(resolve, { state: 'unfinished' } as const), timeoutMs)
      }
      // Often the outcome is there, and nothing has to be followed.
      void look().then(follow)
    })
  }
}

const NOT_KEPT = "the outcome of this entry is not kept; add it with { result: { keep: '1h' } }"
