import type { IncomingHttpHeaders } from 'node:http'

import type { Outcome } from './ending.ts'
import type { HeaderValue, NativeRequest, NativeResponse } from './exchange.ts'
import type { HoldOptions } from './hold.ts'

/**
 * A request and its response as the server's API has them: node:http and node:http2 (node-carrier.ts), or fetch (../fetch/carrier.ts).
 * An exchange does everything through it. It decides nothing.
 */
export interface Carrier {
  /** Node's own objects. Throw PENKNIFE_INVALID on a server without them. */
  readonly request: NativeRequest
  readonly response: NativeResponse
  /** The object on which the state of this request is stored. */
  readonly holder: object

  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** A request header by its name, in any case. Several lines are joined by ', '. Undefined if it is missing or empty. */
  header(name: string): string | undefined
  /** The address at the other end of the connection. Undefined if the server does not show it. */
  readonly peerAddress: string | undefined
  /** @param kept returns the body that an earlier body parser left, or a promise of it */
  readBody(limitBytes: number, kept: () => unknown): Promise<Uint8Array>
  /** Adds the sizes of the chunks of both bodies, from now on. */
  count(bytes: { in: number; out: number }): void
  /** The declared length of the body, if all of it has arrived, perhaps before it was counted. */
  readonly arrivedBytes: number

  readonly status: number
  /** Whether the headers of the response were sent. */
  readonly begun: boolean
  getHeader(name: string): HeaderValue | undefined
  /** Called only before the headers were sent. */
  setHeader(name: string, value: HeaderValue): void
  /** Calls the listener for each chunk of the response's body. */
  tapResponse(onChunk: (chunk: Uint8Array) => void): void

  /** Holds the response back until the handler made it and `ended` has settled. */
  hold(options: HoldOptions): void

  /** Whether nothing more can reach the client: it left, or the response is complete. */
  readonly gone: boolean
  /** Undefined while the exchange is open. */
  readonly outcome: Outcome | undefined
  /** Calls the listener once at the end, or at once if it has ended. The listener must not throw. */
  onEnd(listener: (outcome: Outcome) => void): void
  /** The status of an exchange that ended: 499 when the client left before there was an answer. */
  finalStatus(outcome: Outcome): number
  /** The error of the connection, if the server knows it. */
  readonly error: Error | undefined
}
