import { PenknifeError, type Space } from '@penknife/core'
import { atMost, createRequestClaims, type RequestClaim, type RequestState } from '@penknife/core/internal'

import { type Answer, PASS } from '../answer.ts'
import { isYes } from '../ask.ts'
import type { Exchange, HeaderValue } from '../exchange/exchange.ts'
import { carrierOf } from '../exchange/http-exchange.ts'
import { hasBody } from '../exchange/tap.ts'
import { HttpError } from '../http-error.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { problem } from '../problem.ts'
import { DISCONNECTED } from '../rate-limit/replies.ts'
import { reportOnce, warnOnce } from '../warn.ts'
import { keyOf } from './key.ts'
import { type IdempotentOptions, settingsOf } from './options.ts'
import { MALFORMED, MISMATCH, MISSING, notStored, RUNNING, UNAVAILABLE } from './replies.ts'
import { identify, type RequestId } from './request.ts'
import { decodeResponse, encodeResponse, storedHeaders } from './stored.ts'

const CODE = 'PENKNIFE_IDEMPOTENT'
const HEADER = 'idempotency-key'

/** Requests of one middleware that may wait for the response of another; further ones get 409 at once. */
const MOST_WAITING = 1000

/** Marks a request that an idempotent middleware has claimed, so that a second one lets it pass. */
const CLAIMED = Symbol.for('penknife.idempotent')

interface Claimed {
  [CLAIMED]?: true
}

function isClaimed(exchange: Exchange): boolean {
  return (carrierOf(exchange).holder as Claimed)[CLAIMED] === true
}

/**
 * Runs the handler once for each `Idempotency-Key` of a tenant, method and route, and replays its response to every repetition with
 * `Idempotent-Replayed: true` (draft-ietf-httpapi-idempotency-key-header-07).
 *
 * A response is stored before it is sent, for `window` (24 h). Without a key: 400. With a key that was used for another payload: 422. While
 * the first request runs: 409, or with `wait` its response. If the process dies, a repetition may run the handler when the lease (30 s) is
 * over. The claim is renewed while the handler runs, also when the client left.
 *
 * Cost: two script calls for a first request, and one for each third of the lease that it takes; one for a repetition. A repetition that
 * waits needs a subscription, and one or two script calls. Calls of a tick share an EVALSHA.
 *
 * Errors of callbacks, and of a body that a parser consumed without a raw copy, are passed to the framework.
 */
export const idempotentPlugin: Plugin<[space: Space, options: IdempotentOptions], Handler> = definePlugin({
  name: 'idempotent',
  setup(space, options) {
    const settings = settingsOf(space, options)
    const { name = 'http', window, lease, maxRun, place, headers = [] } = options
    const names = storedHeaders(headers)
    const claims = createRequestClaims(space, name, { window, lease, maxRun, place })
    const failed = reportOnce(
      CODE,
      `idempotent '${name}' could not store a response: a repetition runs the handler again`,
    )
    const reportForget = reportOnce(
      'PENKNIFE_CALLBACK',
      'idempotent stores responses for which forgetOnFailure returned neither true nor false',
    )
    /** Requests whose handler runs. */
    const running = new Set<Promise<void>>()
    let waiting = 0

    async function begin(
      exchange: Exchange,
      { id, fingerprint }: RequestId,
    ): ReturnType<typeof claims.begin> {
      if (settings.waitMs === 0 || waiting >= MOST_WAITING)
        return claims.begin(id, fingerprint, { waitMs: 0 })
      waiting++
      try {
        return await claims.begin(id, fingerprint, { waitMs: settings.waitMs, signal: exchange.signal })
      } finally {
        waiting--
      }
    }

    /** Whether a response is not stored. If the callback fails, it is stored: to run the handler twice would be worse. */
    function forgets(status: number): boolean {
      try {
        return isYes('idempotent forgetOnFailure', settings.forgets(status), reportForget)
      } catch (error) {
        reportForget(error)
        return false
      }
    }

    /** Completes the claim by the response. Does not reject. */
    async function complete(exchange: Exchange, claim: RequestClaim, body: Buffer): Promise<void> {
      const { status } = exchange
      try {
        if (forgets(status)) return await claim.release()
        const getHeader = (header: string): HeaderValue | undefined => exchange.getHeader(header)
        const sent = hasBody(exchange.method, status) ? body : Buffer.alloc(0)
        const storable = status >= 200 && status < 600
        const stored = storable ? encodeResponse({ status, getHeader, body: sent }, names) : undefined
        if (stored !== undefined) return await claim.store('done', stored)
        await claim.store('lost', storable ? 'its headers are too long' : `its status is ${status}`)
      } catch (error) {
        failed(error)
      }
    }

    /** Lets the handler run, and completes the claim when it ends the response. */
    function run(exchange: Exchange, claim: RequestClaim): Answer {
      ;(carrierOf(exchange).holder as Claimed)[CLAIMED] = true
      let done: (() => void) | undefined
      const ends = new Promise<void>((resolve) => (done = resolve))
      running.add(ends)
      const end = (): void => {
        running.delete(ends)
        done?.()
      }
      // A handler may never end its response. Its request is then forgotten when the claim is too old.
      claim.onLost(end)
      carrierOf(exchange).hold({
        maxBytes: settings.maxResponseBytes,
        ended: (body) => atMost(claims.deadlineMs, complete(exchange, claim, body).finally(end)),
        tooLarge() {
          const reason = `it is longer than ${settings.maxResponseBytes} bytes`
          warnOnce(CODE, name, `idempotent '${name}': a response was not stored, because ${reason}`)
          return atMost(claims.deadlineMs, claim.store('lost', reason).catch(failed).finally(end))
        },
        abandoned() {
          claim.lapse()
          end()
        },
      })
      return PASS
    }

    function answerTo(exchange: Exchange, state: RequestState): Answer {
      switch (state.state) {
        case 'claimed':
          if (!exchange.gone) return run(exchange, state.claim)
          state.claim.release().catch(failed)
          return DISCONNECTED
        case 'running':
          return RUNNING
        case 'mismatch':
          return MISMATCH
        case 'lost':
          return notStored(state.reason)
        default:
          return decodeResponse(state.stored)
      }
    }

    /** The answer when a request could not be claimed. Throws what the framework is to handle. */
    function answerToFailure(exchange: Exchange, error: unknown): Answer {
      if (exchange.gone) return DISCONNECTED
      if (error instanceof HttpError) return problem(error.status, { detail: error.message })
      if (!(error instanceof PenknifeError) || !(error.outage || error.code === 'PENKNIFE_CLOSED'))
        throw error
      claims.decided(settings.open ? 'open' : 'closed', error)
      return settings.open ? PASS : UNAVAILABLE
    }

    const handler: Handler = async (exchange) => {
      if (!settings.methods.has(exchange.method) || isClaimed(exchange)) return PASS
      const header = exchange.header(HEADER)
      if (header === undefined) return settings.required ? MISSING : PASS
      const key = keyOf(header)
      if (key === undefined) return MALFORMED
      try {
        return answerTo(exchange, await begin(exchange, await identify(exchange, key, settings)))
      } catch (error) {
        return answerToFailure(exchange, error)
      }
    }
    handler.close = (deadlineMs) => atMost(deadlineMs, Promise.all(running))
    return handler
  },
})
