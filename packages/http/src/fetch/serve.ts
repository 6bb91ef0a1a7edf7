import {
  begin,
  endWithConnection,
  isStreamReply,
  PASS,
  renderReply,
  type Reply,
  type StreamReply,
} from '../answer.ts'
import { streaming } from '../exchange/hold.ts'
import { hasBody } from '../exchange/tap.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { carrierOf } from '../exchange/http-exchange.ts'
import type { Prepared } from '../plugin.ts'
import { noteError } from '../request-log/notes.ts'
import { type FetchCarrier, write } from './carrier.ts'
import { FetchWriter } from './writer.ts'

/**
 * Runs a plugin on a fetch server: its reply, or the response of `next` with the headers that were set.
 *
 * @param next gets the request for the next handler, whose body is whole
 */
export async function serveFetch(
  prepared: Prepared,
  exchange: Exchange,
  next: (request: Request) => Response | Promise<Response>,
): Promise<Response> {
  const carrier = carrierOf(exchange) as unknown as FetchCarrier
  carrier.enter()
  let response: Response
  try {
    const answer = await prepared.decide(exchange)
    response = answer === PASS ? await next(carrier.webRequest) : respond(carrier, answer, prepared)
  } catch (error) {
    noteError(exchange, error)
    await carrier.failed(error)
    throw error
  }
  // Bun has none for an upgraded connection.
  return (response as unknown) instanceof Response ? carrier.leave(response) : response
}

function respond(carrier: FetchCarrier, reply: Reply | StreamReply, { flushes }: Prepared): Response {
  const { method } = carrier
  if (isStreamReply(reply)) {
    if (carrier.isHeld) throw streaming('a reply with a stream')
    const headers = headersOf(reply.headers)
    const tooLate = carrier.gone
    const writer = new FetchWriter(carrier, { flushes, maxUnsentBytes: reply.maxUnsentBytes, tooLate })
    carrier.ending.streams = method !== 'HEAD'
    const { node } = carrier
    if (reply.endless && node) endWithConnection(node.incoming, node.outgoing)
    if (method === 'HEAD') writer.end()
    begin(reply, writer)
    return new Response(method === 'HEAD' || tooLate ? null : writer.body, { status: reply.status, headers })
  }
  const { status, headers: given, body } = renderReply(reply)
  const headers = headersOf(given)
  // A 304 must not have another length than the 200, and a 204 must have none.
  if (status !== 304 && status !== 204)
    headers.set('content-length', String(body === undefined ? 0 : Buffer.byteLength(body)))
  const sent = hasBody(method, status) && status !== 205 ? (body as string | Uint8Array<ArrayBuffer>) : null
  return new Response(sent, { status, headers })
}

function headersOf(given: Reply['headers'] = {}): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(given)) write(headers, name, value)
  return headers
}
