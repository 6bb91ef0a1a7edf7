import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import { isPromiseLike, reportFault } from '@penknife/core/internal'

import type { Exchange, HeaderValue } from './exchange/exchange.ts'
import { cutOff, endingOf, isGone } from './exchange/ending.ts'
import type { Flushes } from './flushes.ts'
import type { StreamWriter } from './stream-writer.ts'
import { createWriter } from './writer.ts'

/** The answer of a handler that lets the request go on to whatever comes next. */
export const PASS = 'pass' as const

/** What a handler decides about a request. */
export type Answer = 'pass' | Reply | StreamReply

/** A whole response. */
export interface Reply {
  readonly status: number
  /** Added to the headers set on the exchange before. */
  readonly headers?: Readonly<Record<string, HeaderValue>>
  /**
   * Text or bytes go out as they are, everything else as JSON. Without a `content-type` among the headers it is
   * text/plain, application/octet-stream or application/json. Default: no body.
   */
  readonly body?: unknown
}

/** A response written bit by bit, for as long as both sides like. */
export interface StreamReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, HeaderValue>>
  /** Unsent bytes above which the connection of a client that does not keep up is cut. Default: 1 MB. */
  readonly maxUnsentBytes?: number
  /**
   * Goes on until one side leaves, as events do: its connection (HTTP/1) ends with it, so that a server that closes does
   * not wait for it. Default: false.
   */
  readonly endless?: boolean
  /**
   * Called once, after the headers went out; keep the writer and write when there is something to say. It is
   * called even when the client left in between: then `writer.closed` is true and `onClose` calls at once, so
   * whatever belongs to the stream has one place to be let go. What it throws, or rejects with, is reported as a process
   * warning and cuts the connection.
   */
  readonly stream: (writer: StreamWriter) => void
}

export function isStreamReply(answer: Reply | StreamReply): answer is StreamReply {
  return 'stream' in answer
}

/** A reply in the form that goes out. */
export interface RenderedReply {
  readonly status: number
  readonly headers: Readonly<Record<string, HeaderValue>>
  readonly body: string | Buffer | undefined
}

/** Turns a reply's body into text or bytes and gives it a content type. */
export function renderReply({ status, headers = {}, body }: Reply): RenderedReply {
  if (body === undefined) return { status, headers, body }
  const [type, rendered] = renderBody(body)
  const hasType = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')
  return { status, headers: hasType ? headers : { ...headers, 'Content-Type': type }, body: rendered }
}

function renderBody(body: unknown): readonly [type: string, body: string | Buffer] {
  if (typeof body === 'string') return ['text/plain; charset=utf-8', body]
  if (body instanceof Uint8Array) return ['application/octet-stream', asBuffer(body)]
  return ['application/json; charset=utf-8', JSON.stringify(body)]
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * Sends a reply over node:http. Does nothing when the client left in the meantime; throws when somebody else
 * already began to answer.
 *
 * @param flushes the streams that are flushed with this one at the end of a tick, as those of one middleware
 */
export function send(exchange: Exchange, reply: Reply | StreamReply, flushes?: Flushes): void {
  const response = exchange.response as ServerResponse
  const gone = isGone(exchange.response)
  // The system can know of a reset before Node does, which reads nothing while nobody reads the request: the connection
  // would stay until the server's timeout.
  if (gone && !response.writableEnded) cutOff(exchange.response)
  if (isStreamReply(reply)) return sendStream(exchange, reply, gone, flushes)
  if (gone) return
  refuseSecondAnswer(exchange)
  const { status, headers, body } = renderReply(reply)
  writeHead(exchange, status, headers)
  // A 304 must not tell a length that is not that of the 200, and a 204 none.
  if (status !== 304 && status !== 204)
    response.setHeader('Content-Length', body === undefined ? 0 : Buffer.byteLength(body))
  response.end(body)
}

function sendStream(exchange: Exchange, reply: StreamReply, gone: boolean, flushes?: Flushes): void {
  const response = exchange.response as ServerResponse
  const tooLate = gone || response.headersSent
  if (!tooLate) {
    writeHead(exchange, reply.status, reply.headers ?? {})
    if (reply.endless && !('stream' in response)) endWithConnection(exchange)
    response.flushHeaders()
  }
  const writer = createWriter(exchange.response, {
    maxUnsentBytes: reply.maxUnsentBytes,
    tooLate,
    flushes,
  })
  if (exchange.method === 'HEAD') writer.end()
  begin(reply, writer)
  if (tooLate && !gone) refuseSecondAnswer(exchange)
}

/** Not by `Connection: close`: Node's own fetch takes any end of such a connection for that of the response. */
function endWithConnection({ request, response }: Exchange): void {
  // Servers inside a process have sockets that are less than one.
  const socket: Partial<Socket> | undefined = request.socket
  endingOf(response).onEnd((outcome) => outcome === 'finished' && socket?.destroySoon?.())
}

function begin({ stream }: StreamReply, writer: StreamWriter): void {
  const failed = (error: unknown): void => {
    writer.destroy()
    reportFault("penknife: a reply's stream failed", error)
  }
  try {
    const result: unknown = stream(writer)
    if (isPromiseLike(result)) result.then(undefined, failed)
  } catch (error) {
    failed(error)
  }
}

function writeHead(exchange: Exchange, status: number, headers: Readonly<Record<string, HeaderValue>>): void {
  exchange.response.statusCode = status
  for (const [name, value] of Object.entries(headers)) exchange.setHeader(name, value)
}

function refuseSecondAnswer(exchange: Exchange): void {
  if (!exchange.response.headersSent) return
  throw new Error(`penknife: ${exchange.method} was already being answered when a middleware replied`)
}
