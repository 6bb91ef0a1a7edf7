import type { Carrier } from './carrier.ts'

/**
 * Reads a framework's context for an exchange: the parts that the server's API does not know. An adapter consists of it.
 *
 * `Context` is the object that the framework gives its middlewares. A function is called only when its value is needed.
 */
export interface View<Context> {
  /** The object on which the state of the request is stored: the same for all middlewares of a request. */
  request(context: Context): object
  /** The request and response as the server's API has them. Called once for each request. */
  carrier(context: Context): Carrier
  /** Path and query as the client sent them, before a mount point was cut off. */
  url(context: Context): string
  /** The client's address, behind the proxies that the application trusts. */
  ip(context: Context): string | undefined
  /** Whether the framework believes every forwarded header, also one of the client. Default: false. */
  ipCanBeForged?(context: Context): boolean
  /** What the application must do so that `ip` is found behind one proxy, such as "app.set('trust proxy', 1)". */
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
