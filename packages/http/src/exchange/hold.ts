import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'

import { PenknifeError } from '@penknife/core'
import { reportFault } from '@penknife/core/internal'

import { endingOf, isGone } from './ending.ts'
import type { NativeResponse } from './exchange.ts'

export interface HoldOptions {
  /** The most bytes of a body that are held. */
  readonly maxBytes: number
  /** Called with the whole body when the handler ended the response. The response is sent when the promise resolves. */
  readonly ended: (body: Buffer) => Promise<void>
  /**
   * Called when the body has more bytes than that. When the promise resolves, the response is sent as far as it was written, and then as
   * the handler writes it.
   */
  readonly tooLarge: () => Promise<void>
  /** Called when nobody will end the response: it was broken off in the middle, or the application took over the socket. */
  readonly abandoned: () => void
}

interface Held {
  /** Says that nobody will end the response. */
  abandon(): void
}

const HELD = Symbol('penknife.held')

/** The response as it is held; undefined if it is not, or not any more. */
function heldOf(response: NativeResponse): Held | undefined {
  return (response as { [HELD]?: Held | undefined })[HELD]
}

/** Whether a response is held, so that it has to be ended even if the client left. */
export function isHeld(response: NativeResponse): boolean {
  return heldOf(response) !== undefined
}

/**
 * Ends a held response whose client left. For frameworks that write no response then: call it with the body that the framework would have
 * sent, before the framework handles it. Does nothing if the client is there, or the response is not held.
 *
 * @param status Default: the current one
 */
export function endUnsent(native: NativeResponse, body: unknown, status?: number): void {
  const response = native as ServerResponse
  const held = heldOf(native)
  if (!held || !(isGone(native) || response.socket?.writable === false)) return
  if (status !== undefined) response.statusCode = status
  if (body === undefined || body === null) response.end()
  else if (typeof body === 'string' || body instanceof Uint8Array) response.end(body)
  else if (isPlain(body)) response.end(JSON.stringify(body))
  // A stream was destroyed with the connection.
  else held.abandon()
}

function isPlain(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return true
  const prototype: unknown = Object.getPrototypeOf(body)
  return prototype === null || prototype === Object.prototype || Array.isArray(body) || 'toJSON' in body
}

type Callback = (error?: Error) => void

/**
 * Holds a response back until the handler ended it and `ended` has settled, so that no client has a response that is not stored.
 *
 *     held ── end() ──────────> settling: `ended` ────> open (the response is sent)
 *       └──── over maxBytes ──> settling: `tooLarge` ──> open
 *
 * To the handler the response appears to be sent: `headersSent` and `writableEnded` are true as soon as they would be. A response that
 * is to be sent in parts (`flushHeaders`, or the type text/event-stream) is an error, because its client would wait for the end.
 */
export function holdResponse(
  native: NativeResponse,
  { maxBytes, ended, tooLarge, abandoned }: HoldOptions,
): void {
  const response = native as ServerResponse & { [HELD]?: Held | undefined }
  const { write, end, writeHead, flushHeaders } = response
  let state: 'held' | 'settling' | 'open' = 'held'
  let begun = false
  /** Once the handler ended the response. */
  let ending: { readonly callback: Callback | undefined } | undefined
  let chunks: Buffer[] = []
  let size = 0

  function open(): void {
    state = 'open'
    response[HELD] = undefined
    delete (response as { headersSent?: boolean }).headersSent
    delete (response as { writableEnded?: boolean }).writableEnded
  }

  /** Sends what is held when the promise has settled. */
  function settle(promise: Promise<void>): void {
    state = 'settling'
    promise
      .catch((error: unknown) => reportFault('an idempotent response could not be stored', error))
      .then(sendHeld, sendHeld)
  }

  function sendHeld(): void {
    if (state === 'open') return
    open()
    const body = Buffer.concat(chunks)
    chunks = []
    try {
      if (ending) {
        // HTTP/2 refuses to write an empty body where there is none.
        end.call(response, body.length === 0 ? undefined : body, 'utf8', ending.callback)
      } else {
        write.call(response, body, 'utf8', undefined)
        response.emit('drain')
      }
    } catch (error) {
      reportFault('an idempotent response could not be sent', error)
      response.destroy()
    }
  }

  function hold(chunk: string | Uint8Array, encoding: unknown): void {
    begun = true
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
        : Buffer.from(chunk)
    chunks.push(bytes)
    size += bytes.length
    if (size > maxBytes && state === 'held') settle(tooLarge())
  }

  function heldWrite(...args: unknown[]): boolean {
    if (state === 'open') return write.apply(response, args as Parameters<typeof write>)
    const [chunk, encoding] = args
    const callback = args.find((arg) => typeof arg === 'function') as Callback | undefined
    if (ending) {
      if (callback) process.nextTick(callback, new Error('write after end'))
      return false
    }
    refuseEvents(response)
    hold(chunkOf(chunk), encoding)
    if (callback) process.nextTick(callback)
    return state === 'held'
  }

  function heldEnd(...args: unknown[]): ServerResponse {
    if (state === 'open') return end.apply(response, args as Parameters<typeof end>)
    if (ending) return response
    // Node throws here, before it sends anything.
    if (!isStatus(response.statusCode)) return end.apply(response, args as Parameters<typeof end>)
    const [chunk] = args
    if (typeof chunk !== 'function' && chunk !== undefined && chunk !== null) hold(chunkOf(chunk), args[1])
    begun = true
    response[HELD] = undefined
    ending = { callback: args.find((arg) => typeof arg === 'function') as Callback | undefined }
    if (state === 'held') settle(ended(Buffer.concat(chunks)))
    return response
  }

  function heldWriteHead(status: number, ...rest: unknown[]): ServerResponse {
    if (state === 'open') return writeHead.apply(response, [status, ...rest] as Parameters<typeof writeHead>)
    if (begun) throw headersSent()
    if (!isStatus(status)) throw new RangeError(`Invalid status code: ${status}`)
    response.statusCode = status
    const [first, second] = rest
    if (typeof first === 'string') response.statusMessage = first
    setHeaders(response, (typeof first === 'string' ? second : first) as OutgoingHttpHeaders | undefined)
    refuseEvents(response)
    begun = true
    return response
  }

  function heldFlushHeaders(): void {
    if (state !== 'open') throw streaming('flushHeaders()')
    flushHeaders.call(response)
  }

  Object.assign(response, {
    write: heldWrite,
    end: heldEnd,
    writeHead: heldWriteHead,
    flushHeaders: heldFlushHeaders,
  })
  define(response, 'headersSent', () => begun)
  define(response, 'writableEnded', () => ending !== undefined)
  response[HELD] = {
    abandon() {
      // What is written from now on is not the response: Koa 3 ends one with nothing.
      open()
      abandoned()
    },
  }
  endingOf(native).onEnd((outcome) => {
    if (!ending && state !== 'open' && (begun || outcome === 'detached')) abandoned()
  })
}

/** A chunk that Node would accept; Node itself gets it only later. */
function chunkOf(chunk: unknown): string | Uint8Array {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return chunk
  const error = new TypeError(`A chunk of a response must be text or bytes, not ${typeof chunk}`)
  throw Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' })
}

function define(response: ServerResponse, name: 'headersSent' | 'writableEnded', get: () => boolean): void {
  Object.defineProperty(response, name, { configurable: true, get })
}

/** Sets the headers of `writeHead`: an object, or a list of names and values in turn. */
function setHeaders(
  response: ServerResponse,
  headers: OutgoingHttpHeaders | readonly OutgoingHttpHeader[] | undefined,
): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {})) {
      if (value !== undefined) response.setHeader(name, value)
    }
    return
  }
  const list = headers as readonly OutgoingHttpHeader[]
  const pairs = Array.isArray(list[0])
    ? (list as unknown as readonly (readonly [string, OutgoingHttpHeader])[])
    : Array.from({ length: list.length / 2 }, (_, at) => [list[2 * at], list[2 * at + 1]] as const)
  for (const [name] of pairs) response.removeHeader(String(name))
  for (const [name, value] of pairs) response.appendHeader(String(name), value as string | readonly string[])
}

function isStatus(status: unknown): boolean {
  return Number.isInteger(status) && (status as number) >= 100 && (status as number) <= 999
}

function refuseEvents(response: ServerResponse): void {
  const type = response.getHeader('content-type')
  if (typeof type === 'string' && /^text\/event-stream\b/i.test(type)) throw streaming(`the type ${type}`)
}

export function streaming(what: string): PenknifeError {
  return new PenknifeError(
    'PENKNIFE_INVALID',
    `idempotent: the handler streams its response (${what}), which cannot be stored and replayed: ` +
      'send the whole response at once, or mount idempotent only on the routes that do',
  )
}

function headersSent(): Error {
  return Object.assign(new Error('Cannot write headers after they are sent to the client'), {
    code: 'ERR_HTTP_HEADERS_SENT',
  })
}
