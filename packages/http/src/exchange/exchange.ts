import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

export type NativeRequest = IncomingMessage | Http2ServerRequest
export type NativeResponse = ServerResponse | Http2ServerResponse

/** The value of a response header. A list becomes several header lines. */
export type HeaderValue = string | number | readonly string[]

/**
 * One request and its response, the same in every framework.
 *
 * A request has one exchange, which all its middlewares share. Unused members cost nothing: `query`, `bytes`, `signal`,
 * `rawBody`, `captureBody` and `onFinish` start at their first use.
 *
 * @typeParam Context what the framework gives its middlewares
 */
export interface Exchange<Context = unknown> {
  /**
   * What the framework gives its middlewares: `{ request, response }` in Express and node:http, Koa's and Hono's context,
   * `{ request, reply }` in Fastify, `{ request, ip }` and your own members in @penknife/fetch.
   */
  readonly context: Context
  /** The method, as the client sent it: 'GET'. */
  readonly method: string
  /**
   * Path and query as the client sent them, whole also below a mount point. Of an absolute target
   * (`GET http://host/path`) without scheme, user and host. Node's limit for its length is 16 KB.
   */
  readonly url: string
  /**
   * The path of `url`, neither decoded nor normalised. Routers accept more than one text for a path: Express and
   * @koa/router take `/API/x` for `/api/x`. So mount a plugin where you need it, and do not compare paths to guard them.
   */
  readonly path: string
  readonly query: URLSearchParams
  /**
   * The client's address as the framework resolved it (Express' `trust proxy`, Koa's `app.proxy`); in plain node:http the
   * socket's. Undefined when there is none, such as on a unix socket or after the client left. It is read at each access,
   * because a middleware in between may set another one.
   */
  readonly ip: string | undefined
  /** The address at the other end of the connection: the client's, or that of a proxy. Undefined where no server shows it. */
  readonly peerAddress: string | undefined
  /** Whether the framework believes every forwarded header, so that a client can claim any `ip`. For warnings. */
  readonly ipCanBeForged: boolean
  /** The setting that tells the framework about one proxy. For warnings. */
  readonly proxyFix: string
  readonly headers: IncomingHttpHeaders
  /** A request header by its name, in any case. Several lines are joined by ', '. Undefined if it is missing or empty. */
  header(name: string): string | undefined
  /**
   * The pattern of the matched route, such as '/users/:id'. Undefined before a router matched, and in frameworks without a
   * router. Call it when the request is finished.
   */
  route(): string | undefined
  /**
   * The request's body in bytes. A later body parser or handler still gets all of it.
   *
   * Rejects with an HttpError: with status 413 when the body is longer than `limitBytes` (the bytes that were read are put
   * back), with status 400 when the client left. Rejects with PENKNIFE_INVALID when a body parser read it before and left
   * no raw copy (`request.rawBody`, or a body as text or Buffer).
   */
  rawBody(limitBytes: number): Promise<Uint8Array>

  /** The current status of the response. It is final in `onFinish`. */
  readonly status: number
  /** Whether nothing more can reach the client: it left, or the response is complete. */
  readonly gone: boolean
  /** The value of a response header that was set so far. */
  getHeader(name: string): HeaderValue | undefined
  /** Sets a response header. Does nothing once the headers were sent. */
  setHeader(name: string, value: HeaderValue): void
  /** Adds a member to a response header that is a list ('a, b'). Does nothing once the headers were sent. */
  appendHeader(name: string, member: string): void
  /**
   * Bytes of the bodies, counted from the first use of this property or of `onFinish`. `out` counts the bytes that Node got:
   * a middleware before a compressor counts compressed bytes.
   */
  readonly bytes: ByteCount
  /**
   * The response's body as it is sent, if it has at most `limitBytes`. Resolves when the response is finished or broken off.
   * Throws PENKNIFE_INVALID when the headers were already sent.
   */
  captureBody(limitBytes: number): Promise<CapturedBody>
  /**
   * Calls the listener once, when the exchange has ended; a later listener is called at once. It ends when the operating
   * system has the whole response, or when the client leaves. If the application takes over the socket (a WebSocket), it
   * ends when the socket closes. An error of the listener is reported as a process warning.
   */
  onFinish(listener: (finish: Finish) => void): void
  /** Aborted when the client leaves before it got the whole response. */
  readonly signal: AbortSignal

  /**
   * Node's own objects. Prefer the other members where they suffice. On a fetch server without node:http below it, they throw
   * PENKNIFE_INVALID.
   */
  readonly request: NativeRequest
  readonly response: NativeResponse
}

export interface ByteCount {
  readonly in: number
  readonly out: number
}

/** How a request ended. */
export interface Finish {
  /** The final status: 499 when the client left before there was an answer, 101 when the application took over the socket. */
  readonly status: number
  /** Bytes of the request's body that arrived. */
  readonly bytesIn: number
  /** Bytes of the response's body. */
  readonly bytesOut: number
  /** Milliseconds, with fractions, since the first penknife middleware got the request; monotonic. */
  readonly durationMs: number
  /** Whether the client left before it got the whole response. */
  readonly aborted: boolean
  /** The error of the connection, if Node knows it. */
  readonly error: Error | undefined
}

export interface CapturedBody {
  readonly status: number
  /** Whether every byte of the body was captured: it is not longer than the limit and was not broken off. */
  readonly complete: boolean
  /** The body; empty unless `complete`. */
  readonly body: Uint8Array
}
