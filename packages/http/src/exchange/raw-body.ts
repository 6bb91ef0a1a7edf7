import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'

import { PenknifeError } from '@penknife/core'

import { HttpError } from '../http-error.ts'
import type { NativeRequest } from './exchange.ts'

export const EMPTY: Uint8Array = new Uint8Array()

/**
 * Reads the request's body and puts it back, so that the next reader gets all of it.
 *
 * @param kept returns the body that an earlier body parser left
 */
export async function readRawBody(
  request: NativeRequest,
  limitBytes: number,
  kept: () => unknown,
): Promise<Uint8Array> {
  const body = isConsumed(request)
    ? await parsed(request, kept)
    : await read(request as IncomingMessage, limitBytes)
  if (body.byteLength > limitBytes) throw tooLarge(limitBytes)
  return body
}

function isConsumed(request: NativeRequest): boolean {
  return !isEmpty(request) && (request.readableDidRead || request.readableEnded)
}

async function parsed(request: NativeRequest, kept: () => unknown): Promise<Uint8Array> {
  const body = await kept()
  // HTTP/2 drops the body of a client that left, as if it had been read.
  if (body === undefined && isHttp2(request) && request.stream.aborted) throw clientLeft()
  return fromParser(body)
}

export function fromParser(kept: unknown): Uint8Array {
  if (kept instanceof Uint8Array) return kept
  if (typeof kept === 'string') return Buffer.from(kept)
  throw new PenknifeError(
    'PENKNIFE_INVALID',
    'rawBody: a body parser has already read the request body. Mount the penknife middleware above it, or store ' +
      'the bytes: express.json({ verify: (request, _response, bytes) => { request.rawBody = bytes } })',
    { option: 'rawBody' },
  )
}

function read(request: IncomingMessage, limitBytes: number): Promise<Uint8Array> {
  if (isEmpty(request)) return Promise.resolve(EMPTY)
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return Promise.reject(tooLarge(limitBytes))
  // It emits no more events.
  if (request.destroyed) return Promise.reject(clientLeft())
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0

    function onReadable(): void {
      for (let chunk: unknown = request.read(); chunk !== null; chunk = request.read()) {
        const bytes = Buffer.from(chunk as Uint8Array)
        chunks.push(bytes)
        size += bytes.length
        if (size > limitBytes) return settle(() => reject(tooLarge(limitBytes)))
      }
      if (allArrived(request, size)) settle(resolve)
    }
    const onEnd = (): void => settle(resolve)
    const onClose = (): void => settle(() => reject(clientLeft()))

    function settle(done: (body: Uint8Array) => void): void {
      request.off('readable', onReadable).off('end', onEnd).off('close', onClose).off('error', onClose)
      const body = Buffer.concat(chunks)
      // This runs before 'end' is emitted: Node's streams then read again the data that was put back.
      if (size > 0 && !request.destroyed) request.unshift(body)
      done(body)
    }
    request.on('readable', onReadable).on('end', onEnd).on('close', onClose).on('error', onClose)
  })
}

function isEmpty(request: NativeRequest): boolean {
  if (isHttp2(request)) return request.stream.endAfterHeaders
  const { headers } = request
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0
}

/** Whether the last byte of the body has arrived. */
function allArrived(request: NativeRequest, size: number): boolean {
  if (isHttp2(request)) return request.stream.readableEnded
  // In-process servers may not say `complete`.
  return request.complete || size === Number(request.headers['content-length'])
}

/** Not by the version in the request: a client of HTTP/1 may write `GET / HTTP/2.0`. */
function isHttp2(request: NativeRequest): request is Http2ServerRequest {
  return 'stream' in request
}

export function clientLeft(): HttpError {
  return new HttpError(400, 'The client left before it sent the whole request')
}

export function tooLarge(limitBytes: number): HttpError {
  return new HttpError(413, `The request body is longer than ${limitBytes} bytes`)
}
