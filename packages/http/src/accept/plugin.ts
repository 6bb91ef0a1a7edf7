import type { Answer, Reply } from '../answer.ts'
import { PASS } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { problem } from '../problem.ts'
import { createAccess } from './access.ts'
import { jsonBody } from './body.ts'
import { eventStream } from './events.ts'
import { createFollowers, placeOf } from './follow.ts'
import { dedupIdOf } from './ids.ts'
import { type AcceptOptions, type AcceptStream, checkAccept } from './options.ts'
import { json, replyTo, TOO_MANY_STREAMS, UNAUTHENTICATED, UNKNOWN, viewOf } from './replies.ts'

/**
 * Accepts work that takes longer than a request: a POST adds an entry to a work queue, and is answered at once.
 *
 * - `POST <path>`: 202 with `{"id":…,"url":…}` and `Location`, the address of the entry
 * - `GET <path>/<id>`: its state, progress, and result or why it failed, as JSON
 * - `GET <path>/<id>` with `Accept: text/event-stream`, as an EventSource sends it: `state`, then `progress` and `output` as they
 *   happen, and `end` with the result. A client that reconnects, to any server, gets what follows its last event.
 * - `DELETE <path>/<id>`: cancels it
 *
 * Errors are problem+json: 404 for an id that is not valid or not known any more, 409 for a cancel that comes too late, 503 while Redis is
 * away. Other paths are passed to the next handler. Cost: that of `add`, `find`, `cancel` and `result` of the stream; one subscription for
 * each event stream.
 */
export const acceptPlugin: Plugin<[stream: AcceptStream, options: AcceptOptions], Handler> = definePlugin({
  name: 'accept',
  setup(stream, options) {
    const settings = checkAccept(stream, options)
    const { path, payload: payloadOf, entry: entryOf, keep, maxRequestBytes } = settings
    const { userOf, idFor, entryFor } = createAccess('accept', stream.name, settings)
    const followers = createFollowers(stream, settings)

    async function submit(exchange: Exchange): Promise<Answer> {
      const owner = await userOf(exchange)
      if (!owner) return UNAUTHENTICATED
      const payload = await payloadOf(exchange, await jsonBody(exchange, maxRequestBytes))
      const more = await entryOf?.(exchange, payload)
      const own = typeof more?.id === 'string' && more.id !== '' && owner.user !== undefined
      const id = own ? dedupIdOf(owner.user, more.id) : more?.id
      const entry = await stream.add(payload, { ...more, id, result: { keep } })
      const signed = idFor(entry, owner.user)
      const url = `${path}/${signed}`
      return json(202, { id: signed, url }, { Location: url })
    }

    async function read(exchange: Exchange, id: string): Promise<Answer> {
      const wantsEvents = exchange.method === 'GET' && accepts(exchange, 'text/event-stream')
      const entry = await entryFor(exchange, id, 'read')
      if (typeof entry !== 'string') return entry
      const place = placeOf(exchange)
      if (wantsEvents && place.ended) return { status: 204 }
      if (wantsEvents && followers.full) return TOO_MANY_STREAMS
      const found = await stream.find(entry)
      if (found.state === 'gone') return UNKNOWN
      return wantsEvents
        ? eventStream(followers, found, place)
        : json(200, { id, ...viewOf(found) }, { Vary: 'Accept' })
    }

    async function cancel(exchange: Exchange, id: string): Promise<Answer> {
      const entry = await entryFor(exchange, id, 'cancel')
      if (typeof entry !== 'string') return entry
      const { changed, state } = await stream.cancel(entry)
      if (changed || state === 'cancelled') return json(200, { id, state: 'cancelled' })
      if (state === 'gone') return UNKNOWN
      return problem(409, { detail: 'It is too late to cancel it.', extra: { state } })
    }

    function answer(exchange: Exchange, id: string | undefined): Answer | Promise<Answer> {
      const { method } = exchange
      if (id === undefined) return method === 'POST' ? submit(exchange) : notAllowed('POST')
      if (method === 'GET' || method === 'HEAD') return read(exchange, id)
      if (method === 'DELETE' && settings.cancel) return cancel(exchange, id)
      return notAllowed(settings.cancel ? 'GET, HEAD, DELETE' : 'GET, HEAD')
    }

    const handler: Handler = async (exchange) => {
      const { method } = exchange
      const target = exchange.path
      // Preflights are for a middleware for CORS.
      if (method === 'OPTIONS' || (target !== path && !target.startsWith(`${path}/`))) return PASS
      const id = target === path ? undefined : target.slice(path.length + 1)
      if (id?.includes('/')) return PASS
      try {
        return await answer(exchange, id)
      } catch (error) {
        return replyTo(error)
      }
    }
    handler.close = (deadlineMs) => followers.close(deadlineMs)
    return handler
  },
})

function notAllowed(methods: string): Reply {
  return problem(405, { headers: { Allow: methods } })
}

function accepts(exchange: Exchange, type: string): boolean {
  const header = exchange.header('accept') ?? ''
  return header.split(',').some((each) => {
    const [name, ...parameters] = each.split(';').map((part) => part.trim().toLowerCase())
    // A weight of 0 is a refusal (RFC 9110, 12.4.2).
    return name === type && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))
  })
}
