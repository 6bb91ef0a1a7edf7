import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

import type { Carrier } from './carrier.ts'
import { arrivedBefore, endingOf, finalStatus, isGone, type Outcome } from './ending.ts'
import type { HeaderValue, NativeRequest, NativeResponse } from './exchange.ts'
import { type HoldOptions, holdResponse } from './hold.ts'
import { readRawBody } from './raw-body.ts'
import { stateOf } from './state.ts'
import { countRequest, countResponse, tapResponse } from './tap.ts'

/** Where a framework keeps the headers of a response until they are sent. Node keeps them in the response. */
export interface HeaderStore {
  getHeader(name: string): unknown
  setHeader(name: string, value: HeaderValue): unknown
}

/** A request and a response of node:http or node:http2. */
export class NodeCarrier implements Carrier {
  readonly request: NativeRequest
  readonly response: NativeResponse
  readonly #headers: HeaderStore

  /** @param headers if the framework keeps the headers itself */
  constructor(request: NativeRequest, response: NativeResponse, headers?: HeaderStore) {
    this.request = request
    this.response = response
    this.#headers = headers ?? response
  }

  get holder(): object {
    return stateOf(this.request)
  }

  get method(): string {
    return this.request.method ?? ''
  }

  get headers(): IncomingHttpHeaders {
    return this.request.headers
  }

  header(name: string): string | undefined {
    const value = this.headers[name.toLowerCase()]
    return (Array.isArray(value) ? value.join(', ') : value) || undefined
  }

  get peerAddress(): string | undefined {
    return socketAddress(this.request)
  }

  readBody(limitBytes: number, kept: () => unknown): Promise<Uint8Array> {
    return readRawBody(this.request, limitBytes, kept)
  }

  count(bytes: { in: number; out: number }): void {
    if (mayHaveBody(this.request)) countRequest(this.request as IncomingMessage, bytes)
    countResponse(this.response as ServerResponse, this.method, bytes)
  }

  get arrivedBytes(): number {
    return arrivedBefore(this.request)
  }

  get status(): number {
    return this.response.statusCode
  }

  get begun(): boolean {
    return this.response.headersSent
  }

  getHeader(name: string): HeaderValue | undefined {
    return this.#headers.getHeader(name) as HeaderValue | undefined
  }

  setHeader(name: string, value: HeaderValue): void {
    this.#headers.setHeader(name, value)
  }

  tapResponse(onChunk: (chunk: Uint8Array) => void): void {
    tapResponse(this.response as ServerResponse, this.method, (chunk, encoding) =>
      onChunk(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk),
    )
  }

  hold(options: HoldOptions): void {
    holdResponse(this.response, options)
  }

  get gone(): boolean {
    return isGone(this.response)
  }

  get outcome(): Outcome | undefined {
    return endingOf(this.response).outcome
  }

  onEnd(listener: (outcome: Outcome) => void): void {
    endingOf(this.response).onEnd(listener)
  }

  finalStatus(outcome: Outcome): number {
    return finalStatus(this.response, outcome)
  }

  get error(): Error | undefined {
    return (this.response as ServerResponse).errored ?? this.request.errored ?? undefined
  }
}

/** The address at the other end of the socket. In-process servers may have no socket. */
export function socketAddress(request: NativeRequest): string | undefined {
  return (request as Partial<IncomingMessage>).socket?.remoteAddress
}

/** Whether a request may have a body: a GET of HTTP/1 has one only if it declares it (RFC 9112, 6.3). */
function mayHaveBody({ method, headers, httpVersionMajor }: NativeRequest): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || httpVersionMajor !== 1) return true
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}
