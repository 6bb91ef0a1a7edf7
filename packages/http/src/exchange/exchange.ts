import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

export type NativeRequest = IncomingMessage | Http2ServerRequest
export type NativeResponse = ServerResponse | Http2ServerResponse

/** Value of a response header: a list becomes as many header lines. */
export type HeaderValue = string | number | readonly string[]

/**
 * One request and its response, as every middleware of every framework sees them.
 *
 * A request has one exchange however many middlewares it passes. What nobody asks for is not computed, not
 * allocated and not patched: `query`, `bytes`, `signal`, `rawBody`, `captureBody` and `onFinish` start working
 * at their first use.
 */
export interface Exchange {
  /** As the client sent it: 'GET'. */
  readonly method: string
  /**
   * Path and query as the client sent them, whole even below a mount point; of an absolute target
   * (`GET http://host/path`) without scheme, user and host. Length: as Node admits it (16 KB).
   */
  readonly url: string
  /**
   * The path of `url`, neither decoded nor normalised. Routers are more generous: Express and @koa/router take `/API/x` for
   * `/api/x`. So mount what only some paths need, and do not compare paths to price or to guard them.
   */
  readonly path: string
  readonly query: URLSearchParams
  /**
   * The client's address as the framework resolved it (Express' `trust proxy`, Koa's `app.proxy`); with plain
   * node:http the socket's. Undefined when there is none, as on a unix socket or once the client left. Asked anew each
   * time: a middleware in between may have set another one.
   */
  readonly ip: string | undefined
  /** The framework believes every forwarded header, so that a client can claim any `ip`; for messages to the operator. */
  readonly ipCanBeForged: boolean
  /** How the application tells its framework that a proxy stands before it; for messages to the operator. */
  readonly proxyFix: string
  readonly headers: IncomingHttpHeaders
  /** A request header by its name in any case; several lines are joined by ', '. Undefined when it is missing or empty. */
  header(name: string): string | undefined
  /**
   * The pattern of the route that matched, such as '/users/:id'; undefined before a router matched one, and with
   * frameworks that have no router. Ask when the request finished.
   */
  route(): string | undefined
  /**
   * The request's body as it came, at most `limitBytes` of it. Whoever reads the request later (a body parser,
   * a handler) still finds all of it.
   *
   * Rejects with an HttpError of status 413 when the body is longer (what was read is put back), of status 400
   * when the client left; with PENKNIFE_INVALID when a body parser consumed it before and kept no raw copy
   * (`request.rawBody`, or a body parsed to text or a Buffer).
   */
  rawBody(limitBytes: number): Promise<Uint8Array>

  /** The response's status as it stands now; final in `onFinish`. */
  readonly status: number
  /** Sets a response header. Does nothing once the headers went out. */
  setHeader(name: string, value: HeaderValue): void
  /** Adds a member to a response header that is a list ('a, b'). Does nothing once the headers went out. */
  appendHeader(name: string, member: string): void
  /**
   * Bytes of the bodies, counted from the first use of this property or of `onFinish` on. `out` is what was
   * handed to Node: a middleware mounted before a compressor counts compressed bytes.
   */
  readonly bytes: ByteCount
  /**
   * The response's body as it goes out, when it is at most `limitBytes` long; resolves when the response is
   * finished or broken off. Throws PENKNIFE_INVALID when the headers already went out.
   */
  captureBody(limitBytes: number): Promise<CapturedBody>
  /**
   * Calls the listener once, when the exchange ended; later listeners are called at once. It ends when the response was
   * handed to the system whole, when the client left, or, where the application took the socket over (a WebSocket), when
   * that closed. A listener that throws or rejects is reported as a process warning.
   */
  onFinish(listener: (finish: Finish) => void): void
  /** Aborted when the client left before it got the whole response. */
  readonly signal: AbortSignal

  /** Node's own objects; everything else here is the better choice while it does. */
  readonly request: NativeRequest
  readonly response: NativeResponse
}

export interface ByteCount {
  readonly in: number
  readonly out: number
}

/** How a request ended. */
export interface Finish {
  /** The final status; 499 when the client left before there was an answer, 101 when the socket was taken over. */
  readonly status: number
  /** Bytes of the request's body that arrived. */
  readonly bytesIn: number
  /** Bytes of the response's body. */
  readonly bytesOut: number
  /** Milliseconds, with fractions, since the first penknife middleware saw the request; monotonic. */
  readonly durationMs: number
  /** The client left before it got the whole response. */
  readonly aborted: boolean
  /** What broke the connection, where Node knows. */
  readonly error: Error | undefined
}

export interface CapturedBody {
  readonly status: number
  /** Every byte of the body was captured: not longer than the limit, not broken off. */
  readonly complete: boolean
  /** The body; empty unless `complete`. */
  readonly body: Uint8Array
}
