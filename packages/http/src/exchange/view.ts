import type { IncomingMessage } from 'node:http'

import type { NativeRequest, NativeResponse } from './exchange.ts'

/**
 * Reads a framework's context for an exchange: the parts that node:http does not know. An adapter consists of it.
 *
 * `Context` is the object that the framework gives its middlewares. A function is called only when its value is needed.
 */
export interface View<Context> {
  request(context: Context): NativeRequest
  response(context: Context): NativeResponse
  /** Path and query as the client sent them, before a mount point was cut off. */
  url(context: Context): string
  /** The client's address, behind the proxies that the application trusts. */
  ip(context: Context): string | undefined
  /** Whether the framework believes every forwarded header, also one of the client. Default: false. */
  ipCanBeForged?(context: Context): boolean
  /** The setting with which the framework finds `ip` behind one proxy, such as "app.set('trust proxy', 1)". */
  readonly proxyFix: string
  /** The matched route's pattern. */
  route(context: Context): string | undefined
  /** The request body that a body parser left, as bytes or text. */
  parsedBody(context: Context): unknown
}

/** The first of the candidates that is text or bytes: an explicit raw copy, or an unparsed body. */
export function keptBody(...candidates: readonly unknown[]): unknown {
  return candidates.find((kept) => typeof kept === 'string' || kept instanceof Uint8Array)
}

/** The address at the other end of the socket. */
export function socketAddress(request: NativeRequest): string | undefined {
  return (request as IncomingMessage).socket.remoteAddress
}
