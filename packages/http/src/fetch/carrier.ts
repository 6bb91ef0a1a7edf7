import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

import { PenknifeError } from '@penknife/core'

import type { Carrier } from '../exchange/carrier.ts'
import { arrivedBefore, endingOf, finalStatus, isGone, type Outcome } from '../exchange/ending.ts'
import type { HeaderValue, NativeRequest, NativeResponse } from '../exchange/exchange.ts'
import { socketAddress } from '../exchange/node-carrier.ts'
import { inherit } from '../exchange/state.ts'
import type { HoldOptions } from '../exchange/hold.ts'
import { countRequest, countResponse, hasBody } from '../exchange/tap.ts'
import { holdBody, refuseEvents } from './hold.ts'
import { readBody, type Readable, watched, withBody } from './body.ts'
import { FetchEnding } from './ending.ts'

/** Node's objects below a fetch server, such as `c.env` of @hono/node-server. */
export interface NodeBelow {
  readonly incoming: NativeRequest
  readonly outgoing: NativeResponse
}

interface Tap {
  /** The middleware whose response is tapped: 1 for the outermost. */
  readonly level: number
  readonly onChunk: (chunk: Uint8Array) => void
}

/**
 * A Request, and the Response that a server gets in the end.
 *
 * Response headers wait here until a response passes a middleware, because there is none before. A response's own headers win, as
 * a handler's `setHeader` does in node:http.
 */
export class FetchCarrier implements Carrier {
  readonly holder: object
  readonly #node: NodeBelow | undefined
  readonly #ending: FetchEnding
  #request: Request
  #headers: IncomingHttpHeaders | undefined
  #pending: Map<string, HeaderValue> | undefined
  #status = 200
  #level = 0
  #taps: Tap[] | undefined
  #held: { readonly level: number; readonly options: HoldOptions } | undefined
  /** The headers of the response that was held. */
  #made: Headers | undefined

  /**
   * @param holder the object on which the state of this request is stored
   * @param node node's objects below the server, if there are some: they know how a request really ended
   */
  constructor(request: Request, holder: object, node?: NodeBelow) {
    this.#request = request
    this.holder = holder
    this.#node = node
    this.#ending = new FetchEnding(request)
  }

  /** The request for the next handler: its body is whole, also if it was read. */
  get webRequest(): Request {
    return this.#request
  }

  /** Ends the exchange, if nothing below knows better. */
  get ending(): FetchEnding {
    return this.#ending
  }

  get node(): NodeBelow | undefined {
    return this.#node
  }

  get request(): NativeRequest {
    return this.#below('request').incoming
  }

  get response(): NativeResponse {
    return this.#below('response').outgoing
  }

  get method(): string {
    return this.#request.method
  }

  get headers(): IncomingHttpHeaders {
    return (this.#headers ??= this.#node?.incoming.headers ?? Object.fromEntries(this.#request.headers))
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) || undefined
  }

  get peerAddress(): string | undefined {
    return this.#node && socketAddress(this.#node.incoming)
  }

  readBody(limitBytes: number, kept: () => unknown): Promise<Uint8Array> {
    return readBody(this.#request, limitBytes, kept, (next) => this.#replace(next))
  }

  count(bytes: { in: number; out: number }): void {
    if (this.#node) {
      countRequest(this.#node.incoming as IncomingMessage, bytes)
      countResponse(this.#node.outgoing as ServerResponse, this.method, bytes)
      return
    }
    this.tapResponse(({ byteLength }) => (bytes.out += byteLength))
    const { body } = this.#request
    if (!body || this.#request.bodyUsed || body.locked) return
    const counted = watched(body as Readable, { onChunk: ({ byteLength }) => (bytes.in += byteLength) })
    this.#replace(withBody(this.#request, counted))
  }

  get arrivedBytes(): number {
    return this.#node ? arrivedBefore(this.#node.incoming) : 0
  }

  get status(): number {
    return this.#status
  }

  get begun(): boolean {
    return this.#ending.responded
  }

  getHeader(name: string): HeaderValue | undefined {
    return this.#made?.get(name) ?? this.#pending?.get(name.toLowerCase())
  }

  setHeader(name: string, value: HeaderValue): void {
    this.#pending ??= new Map()
    this.#pending.set(name.toLowerCase(), value)
  }

  tapResponse(onChunk: (chunk: Uint8Array) => void): void {
    this.#taps ??= []
    this.#taps.push({ level: Math.max(1, this.#level), onChunk })
  }

  get isHeld(): boolean {
    return this.#held !== undefined
  }

  hold(options: HoldOptions): void {
    this.#held = { level: Math.max(1, this.#level), options }
  }

  get gone(): boolean {
    return this.#node ? isGone(this.#node.outgoing) : this.#ending.gone
  }

  get outcome(): Outcome | undefined {
    return this.#node ? endingOf(this.#node.outgoing).outcome : this.#ending.outcome
  }

  onEnd(listener: (outcome: Outcome) => void): void {
    if (this.#node) endingOf(this.#node.outgoing).onEnd(listener)
    else this.#ending.onEnd(listener)
  }

  finalStatus(outcome: Outcome): number {
    if (this.#node) return finalStatus(this.#node.outgoing, outcome)
    return outcome === 'finished' || this.#ending.responded ? this.#status : 499
  }

  get error(): Error | undefined {
    return (this.#node?.outgoing as ServerResponse | undefined)?.errored ?? undefined
  }

  /** A middleware got the request. Call `leave` or `failed` when it is done. */
  enter(): void {
    this.#level++
  }

  /** A middleware returns this response. Returns it with the headers that were set, watched if somebody watches. */
  async leave(given: Response): Promise<Response> {
    const level = this.#level--
    let response = this.#withHeaders(given)
    this.#status = response.status
    if (this.#held?.level === level) response = await this.#release(this.#held.options, response)
    const taps = this.#taps?.filter((tap) => tap.level === level) ?? []
    const ends = level === 1 && !this.#node && !this.#ending.streams
    const onEnd = ends && this.#ending.isWatched ? this.#ending : undefined
    // Asking for the body costs a server its fast path, so that comes last.
    if ((taps.length > 0 || onEnd) && response.body) {
      const body = watched(response.body as Readable, {
        onChunk: (chunk) => {
          if (hasBody(this.method, response.status)) for (const { onChunk } of taps) onChunk(chunk)
        },
        onEnd: (outcome) => onEnd?.end(outcome),
      })
      response = new Response(body, response)
    } else if (ends) this.#ending.endSoon()
    if (level === 1) this.#ending.responded = true
    return response
  }

  /** A middleware throws this error. The status of the response is the usual one, because no response passes. */
  async failed(error: unknown): Promise<void> {
    const level = this.#level--
    const held = this.#held?.level === level ? this.#held.options : undefined
    if (level > 1 && !held) return
    const { status } = (error ?? {}) as { status?: unknown }
    this.#status = Number.isInteger(status) && (status as number) >= 400 ? (status as number) : 500
    this.#held = undefined
    await held?.ended(Buffer.alloc(0))
    if (level > 1) return
    this.#ending.responded = true
    this.#ending.endSoon()
  }

  async #release(options: HoldOptions, response: Response): Promise<Response> {
    this.#held = undefined
    try {
      refuseEvents(response)
    } catch (error) {
      this.#status = 500
      await options.ended(Buffer.alloc(0))
      throw error
    }
    this.#made = response.headers
    return holdBody(response, options)
  }

  #replace(next: Request): void {
    inherit(this.#request, next)
    this.#request = next
  }

  #withHeaders(response: Response): Response {
    const pending = this.#pending
    if (!pending || response.status === 101 || response.status === 0) return response
    this.#pending = undefined
    let changed = response
    for (const [name, value] of pending) {
      if (changed.headers.has(name)) continue
      try {
        write(changed.headers, name, value)
      } catch (error) {
        // Redirects and responses of fetch() cannot be changed.
        if (changed !== response) throw error
        changed = new Response(response.body, response)
        write(changed.headers, name, value)
      }
    }
    return changed
  }

  #below(member: string): NodeBelow {
    if (this.#node) return this.#node
    throw new PenknifeError(
      'PENKNIFE_INVALID',
      `exchange.${member}: this server shows no objects of node:http; use the other members of the exchange, or exchange.context`,
      { option: member },
    )
  }
}

export function write(headers: Headers, name: string, value: HeaderValue): void {
  if (typeof value === 'object') for (const each of value) headers.append(name, each)
  else headers.set(name, String(value))
}
