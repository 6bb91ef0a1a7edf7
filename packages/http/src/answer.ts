import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import { isPromiseLike, reportFault } from '@penknife/core/internal'

import type { Exchange, HeaderValue, NativeRequest, NativeResponse } from './exchange/exchange.ts'
import { cutOff, endingOf, isGone } from './exchange/ending.ts'
import { isHeld } from './exchange/hold.ts'
import type { Flushes } from './flushes.ts'
import type { StreamWriter } from './stream-writer.ts'
import { createWriter } from './writer.ts'

/** The answer of a handler that lets the request continue to the next middleware. */
export const PASS = 'pass' as const

/** A handler's decision about a request. */
export type Answer = 'pass' | Reply | StreamReply

/** A whole response. */
export interface Reply {
  readonly status: number
  /** Added to the headers that were set on the exchange. */
  readonly headers?: Readonly<Record<string, HeaderValue>> | undefined
  /**
   * Text and bytes are sent as they are, everything else as JSON. The default `content-type` is text/plain,
   * application/octet-stream or application/json. Default: no body.
   */
  readonly body?: unknown
}

/** A response that is written in parts, until one side ends it. */
export interface StreamReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, HeaderValue>> | undefined
  /** With more unsent bytes than this, the connection of a slow client is cut. Default: 1 MB. */
  readonly maxUnsentBytes?: number | undefined
  /**
   * Whether the stream has no end of its own, such as events. Its HTTP/1 connection is closed after it, so that a server
   * that closes does not wait for the connection. Default: false.
   */
  readonly endless?: boolean | undefined
  /**
   * Called once, after the headers were sent. Keep the writer, and write at any time. It is called even if the client has
   * left: then `writer.closed` is true and `onClose` calls its listener at once, so `onClose` is the one place for cleanup.
   * An error that it throws or rejects with is reported as a process warning, and cuts the connection.
   */
  readonly stream: (writer: StreamWriter) => void
}

export function isStreamReply(answer: Reply | StreamReply): answer is StreamReply {
  return 'stream' in answer
}

/** A reply in the form that is sent. */
export interface RenderedReply {
  readonly status: number
  readonly headers: Readonly<Record<string, HeaderValue>>
  readonly body: string | Buffer | undefined
}

/** Turns a reply's body into text or bytes and sets its content type. */
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
 * Sends a reply over node:http. Does nothing if the client has left. Throws if the response has already begun.
 *
 * @param flushes flushes this stream together with others at the end of a tick, such as those of one middleware
 */
export function send(exchange: Exchange, reply: Reply | StreamReply, flushes?: Flushes): void {
  const response = exchange.response as ServerResponse
  // A held response is stored, also when the client left.
  const gone = isGone(exchange.response) && !isHeld(exchange.response)
  // Node notices a reset only when it reads, and it reads nothing while no handler reads the request. Without this the
  // connection would stay until the server's timeout.
  if (gone && !response.writableEnded) cutOff(exchange.response)
  if (isStreamReply(reply)) return sendStream(exchange, reply, gone, flushes)
  if (gone) return
  refuseSecondAnswer(exchange)
  const { status, headers, body } = renderReply(reply)
  writeHead(exchange, status, headers)
  // A 304 must not have another length than the 200, and a 204 must have none.
  if (status !== 304 && status !== 204)
    response.setHeader('Content-Length', body === undefined ? 0 : Buffer.byteLength(body))
  response.end(body)
}

function sendStream(exchange: Exchange, reply: StreamReply, gone: boolean, flushes?: Flushes): void {
  const response = exchange.response as ServerResponse
  const tooLate = gone || response.headersSent
  if (!tooLate) {
    writeHead(exchange, reply.status, reply.headers ?? {})
    if (reply.endless) endWithConnection(exchange.request, exchange.response)
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

/**
 * Closes the connection after this response, on HTTP/1. Not with `Connection: close`: then Node's fetch takes a broken connection for
 * the end of the response.
 */
export function endWithConnection(request: NativeRequest, response: NativeResponse): void {
  if ('stream' in response) return
  // In-process servers (inject) have sockets without all methods.
  const socket: Partial<Socket> | undefined = request.socket
  endingOf(response).onEnd((outcome) => outcome === 'finished' && socket?.destroySoon?.())
}

/** Calls the stream function of a reply. What it throws or rejects with cuts the stream, and is reported. */
export function begin({ stream }: StreamReply, writer: StreamWriter): void {
  const failed = (error: unknown): void => {
    writer.destroy()
    reportFault('the stream of a reply failed', error)
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
  throw new Error(
    `the response to a ${exchange.method} request had already begun when a penknife middleware replied: mount it before the handler`,
  )
}
