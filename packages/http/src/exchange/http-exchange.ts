import type { IncomingHttpHeaders } from 'node:http'

import { PenknifeError } from '@penknife/core'
import { runSafely } from '@penknife/core/internal'

import type { Carrier } from './carrier.ts'
import type { Outcome } from './ending.ts'
import type {
  ByteCount,
  CapturedBody,
  Exchange,
  Finish,
  HeaderValue,
  NativeRequest,
  NativeResponse,
} from './exchange.ts'
import { pathAndQuery } from './target.ts'
import type { View } from './view.ts'

/**
 * Makes a function that finds the exchange of a request, or makes it at the first call. An adapter has one of these.
 *
 * The first penknife middleware of a request starts its clock.
 */
export function createExchanges<Context>(view: View<Context>): (context: Context) => Exchange<Context> {
  // Stored on the request: a WeakMap of all requests would cost the garbage collector more than everything else here.
  const own = Symbol('penknife.exchange')
  return (context) => {
    const request = view.request(context) as { [own]?: HttpExchange<Context> }
    const known = request[own]
    if (!known) return (request[own] = new HttpExchange(view, context))
    known.context = context
    return known
  }
}

/** The request and response of an exchange as the server's API has them. */
export function carrierOf(exchange: Exchange): Carrier {
  return (exchange as HttpExchange<unknown>).carrier
}

/** Gives an exchange another request and response, so that it keeps the old ones no longer. */
export function moveExchange<Context>(exchange: Exchange<Context>, context: Context): void {
  ;(exchange as HttpExchange<Context>).move(context)
}

class HttpExchange<Context> implements Exchange<Context> {
  context: Context
  carrier: Carrier
  readonly #view: View<Context>
  readonly #startedAt = performance.now()
  #query: URLSearchParams | undefined
  #body: Promise<Uint8Array> | undefined
  #bytes: { in: number; out: number } | undefined
  #abort: AbortController | undefined
  #watching = false
  #finish: Finish | undefined
  #listener: ((finish: Finish) => void) | undefined
  #others: ((finish: Finish) => void)[] | undefined

  constructor(view: View<Context>, context: Context) {
    this.#view = view
    this.context = context
    this.carrier = view.carrier(context)
  }

  move(context: Context): void {
    this.context = context
    this.carrier = this.#view.carrier(context)
  }

  get request(): NativeRequest {
    return this.carrier.request
  }

  get response(): NativeResponse {
    return this.carrier.response
  }

  get method(): string {
    return this.carrier.method
  }

  get url(): string {
    return pathAndQuery(this.#view.url(this.context))
  }

  get path(): string {
    const { url } = this
    const end = url.indexOf('?')
    return end < 0 ? url : url.slice(0, end)
  }

  get query(): URLSearchParams {
    const at = this.url.indexOf('?')
    return (this.#query ??= new URLSearchParams(at < 0 ? '' : this.url.slice(at + 1)))
  }

  get ip(): string | undefined {
    return this.#view.ip(this.context)
  }

  get peerAddress(): string | undefined {
    return this.carrier.peerAddress
  }

  get ipCanBeForged(): boolean {
    return this.#view.ipCanBeForged?.(this.context) ?? false
  }

  get proxyFix(): string {
    return this.#view.proxyFix
  }

  get headers(): IncomingHttpHeaders {
    return this.carrier.headers
  }

  header(name: string): string | undefined {
    return this.carrier.header(name)
  }

  route(): string | undefined {
    return this.#view.route(this.context)
  }

  async rawBody(limitBytes: number): Promise<Uint8Array> {
    const known = await this.#body?.catch(() => undefined)
    if (known && known.byteLength <= limitBytes) return known
    this.#body = this.carrier.readBody(limitBytes, () => known ?? this.#view.parsedBody(this.context))
    return this.#body
  }

  get status(): number {
    return this.carrier.status
  }

  get gone(): boolean {
    return this.carrier.gone
  }

  getHeader(name: string): HeaderValue | undefined {
    return this.carrier.getHeader(name)
  }

  setHeader(name: string, value: HeaderValue): void {
    if (!this.carrier.begun) this.carrier.setHeader(name, value)
  }

  appendHeader(name: string, member: string): void {
    const before = this.carrier.getHeader(name)
    this.setHeader(name, before === undefined ? member : `${String(before)}, ${member}`)
  }

  get bytes(): ByteCount {
    if (this.#bytes) return this.#bytes
    const bytes = { in: 0, out: 0 }
    this.carrier.count(bytes)
    return (this.#bytes = bytes)
  }

  captureBody(limitBytes: number): Promise<CapturedBody> {
    if (this.carrier.begun) {
      throw new PenknifeError(
        'PENKNIFE_INVALID',
        'captureBody: the response has already begun; call it before the handler runs',
      )
    }
    let chunks: Buffer[] = []
    let size = 0
    this.carrier.tapResponse((chunk) => {
      size += chunk.byteLength
      if (size > limitBytes) chunks = []
      else chunks.push(Buffer.from(chunk))
    })
    return new Promise((resolve) => {
      this.onFinish(({ status, aborted }) => {
        const complete = size <= limitBytes && !aborted
        resolve({ status, complete, body: Buffer.concat(complete ? chunks : []) })
      })
    })
  }

  onFinish(listener: (finish: Finish) => void): void {
    if (this.#finish) return call(listener, this.#finish)
    void this.bytes
    if (!this.#listener) this.#listener = listener
    else (this.#others ??= []).push(listener)
    this.#watch()
  }

  get signal(): AbortSignal {
    if (this.#abort) return this.#abort.signal
    this.#abort = new AbortController()
    if (this.carrier.outcome === 'aborted') this.#abort.abort()
    else this.#watch()
    return this.#abort.signal
  }

  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.carrier.onEnd((outcome) => this.#end(outcome))
  }

  #end(outcome: Outcome): void {
    const { carrier } = this
    const aborted = outcome === 'aborted'
    this.#finish = {
      status: carrier.finalStatus(outcome),
      bytesIn: Math.max(this.#bytes?.in ?? 0, carrier.arrivedBytes),
      bytesOut: this.#bytes?.out ?? 0,
      durationMs: performance.now() - this.#startedAt,
      aborted,
      error: outcome === 'finished' ? undefined : carrier.error,
    }
    if (aborted) this.#abort?.abort()
    const first = this.#listener
    const others = this.#others
    this.#listener = undefined
    this.#others = undefined
    if (first) call(first, this.#finish)
    if (others) for (const listener of others) call(listener, this.#finish)
  }
}

function call(listener: (finish: Finish) => unknown, finish: Finish): void {
  runSafely('a listener of exchange.onFinish failed', () => listener(finish))
}
