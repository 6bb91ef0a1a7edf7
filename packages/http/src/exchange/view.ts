import type { IncomingMessage } from 'node:http'

import type { NativeRequest, NativeResponse } from './exchange.ts'

/**
 * How to find in a framework's context what node:http does not know: the translation an adapter consists of.
 *
 * `Context` is whatever the framework hands its middlewares. Nothing here is called before somebody asks.
 */
export interface View<Context> {
  request(context: Context): NativeRequest
  response(context: Context): NativeResponse
  /** Path and query as the client sent them, before a mount point was cut off. */
  url(context: Context): string
  /** The client's address, behind the proxies the application trusts. */
  ip(context: Context): string | undefined
  /** Whether the framework believes every forwarded header, also one that the client wrote. Default: no. */
  ipCanBeForged?(context: Context): boolean
  /** What to write to have `ip` found behind one proxy, such as "app.set('trust proxy', 1)". */
  readonly proxyFix: string
  /** The matched route's pattern. */
  route(context: Context): string | undefined
  /** What a body parser made of the request body, if it kept the bytes or the text: Buffer or string. */
  parsedBody(context: Context): unknown
}

/** The raw body among what body parsers leave behind: an explicit raw copy, else an unparsed body. */
export function keptBody(...candidates: readonly unknown[]): unknown {
  return candidates.find((kept) => typeof kept === 'string' || kept instanceof Uint8Array)
}

/** The address at the other end of the socket. */
export function socketAddress(request: NativeRequest): string | undefined {
  return (request as IncomingMessage).socket.remoteAddress
}
