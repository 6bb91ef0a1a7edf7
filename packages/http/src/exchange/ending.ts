import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'

import type { NativeRequest, NativeResponse } from './exchange.ts'

/**
 * How an exchange ended:
 * - `finished`: the whole response was handed to the system;
 * - `aborted`: the connection ended before that;
 * - `detached`: the application took the socket over (a WebSocket, a tunnel), and the socket closed.
 */
export type Outcome = 'finished' | 'aborted' | 'detached'

/**
 * The end of one exchange, for everything that waits for it.
 *
 *     open ── 'finish' of the response; on HTTP/2 the stream closes and took all ──> finished
 *          ── 'close' of the response or the stream before that ──────────────────> aborted
 *          ── 'close' of the socket ──────────────────────────────────────────────> aborted
 *          ── either 'close' where the application detached or upgraded the socket > detached
 *
 * The response alone does not tell: one that waits behind another on its connection (pipelining), or whose socket was
 * detached, has no socket and emits nothing when the connection breaks. The socket alone does not tell either: servers
 * inside a process (serverless, test injection) have none that closes.
 */
export class Ending {
  readonly #response: NativeResponse
  /** It had its turn on the connection. */
  #hadSocket: boolean
  #outcome: Outcome | undefined
  #listeners: ((outcome: Outcome) => void)[] = []

  constructor(response: NativeResponse) {
    this.#response = response
    this.#hadSocket = !isHttp2(response) && Boolean(response.socket)
    this.#outcome = outcomeSoFar(response)
    if (this.#outcome) return
    if (isHttp2(response)) {
      // On HTTP/2 'finish' says nothing: it comes with every 'close'.
      response.once('close', () => this.#end(outcomeOfStream(response)))
      return
    }
    response.once('finish', () => this.#end('finished'))
    response.once('close', () => this.closed())
    if (!this.#hadSocket) response.once('socket', () => (this.#hadSocket = true))
    openOn(socketOf(response))?.add(this)
  }

  /** Undefined while the exchange goes on. */
  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /** Calls the listener once at the end; at once when that is past. The listener must not throw. */
  onEnd(listener: (outcome: Outcome) => void): void {
    if (this.#outcome) listener(this.#outcome)
    else this.#listeners.push(listener)
  }

  /** The response or its socket closed. */
  closed(): void {
    const response = this.#response as ServerResponse
    const takenOver = isUpgrade(response) || (this.#hadSocket && !response.socket)
    this.#end(takenOver ? 'detached' : 'aborted')
  }

  #end(outcome: Outcome): void {
    if (this.#outcome) return
    this.#outcome = outcome
    if (!isHttp2(this.#response)) openOn(socketOf(this.#response))?.delete(this)
    const told = this.#listeners
    this.#listeners = []
    for (const listener of told) listener(outcome)
  }
}

const ENDING = Symbol('penknife.ending')

/** The one ending of the exchange that this response belongs to, however many middlewares and frameworks ask. */
export function endingOf(response: NativeResponse): Ending {
  const marked = response as NativeResponse & { [ENDING]?: Ending }
  return (marked[ENDING] ??= new Ending(response))
}

/** Nothing written from now on can reach the client: it left, or the response is complete. */
export function isGone(response: NativeResponse): boolean {
  if (response.writableEnded) return true
  // A stream whose client left is closed some turns before it is destroyed.
  if (isHttp2(response) ? response.stream.destroyed || response.stream.closed : response.destroyed)
    return true
  const socket = socketOf(response)
  return socket !== undefined && (socket.destroyed || wasReset(socket))
}

/** The status to tell of an exchange that ended so: 499 when the client left before there was an answer. */
export function finalStatus(response: NativeResponse, outcome: Outcome): number {
  if (outcome === 'finished') return response.statusCode
  if (outcome === 'detached') return response.headersSent ? response.statusCode : 101
  // Headers of a response that waited behind another were made, but never left.
  const begun = response.headersSent && (isHttp2(response) || response.socket !== null)
  return begun ? response.statusCode : 499
}

/** Cuts the connection; on HTTP/2 the stream. */
export function cutOff(response: NativeResponse): void {
  if (isHttp2(response)) return void response.stream.destroy()
  response.destroy()
  // A response that waits behind another on its connection would wait for its turn to do so.
  socketOf(response)?.destroy()
}

/** The body's declared length when all of it arrived: it may have done so before anyone counted. */
export function arrivedBefore(request: NativeRequest): number {
  return request.complete ? Number(request.headers['content-length'] ?? 0) : 0
}

/** For an exchange that may have ended before anybody asked. */
function outcomeSoFar(response: NativeResponse): Outcome | undefined {
  if (isHttp2(response)) return response.stream.destroyed ? outcomeOfStream(response) : undefined
  if (wasSent(response)) return 'finished'
  const socket = socketOf(response)
  if (!response.destroyed && !socket?.destroyed) return undefined
  return isUpgrade(response) ? 'detached' : 'aborted'
}

/** The whole response was handed over. A socket inside a process may not count what it holds, or outlive its response. */
function wasSent(response: ServerResponse): boolean {
  const { socket } = response
  if (!response.writableEnded || socket?.destroyed) return false
  return (
    response.writableFinished ||
    Number.isNaN(response.writableLength) ||
    (response.destroyed && Boolean(socket))
  )
}

function outcomeOfStream({ stream }: Http2ServerResponse): Outcome {
  return stream.writableFinished && !stream.aborted ? 'finished' : 'aborted'
}

/** Node marks a request so and makes no response for it; the application may make one itself. */
function isUpgrade(response: ServerResponse): boolean {
  return (response.req as { readonly upgrade?: boolean | null } | undefined)?.upgrade === true
}

/** The system no longer knows the peer of a connection that it had accepted: the client reset it at once. */
function wasReset(socket: Socket): boolean {
  // A unix socket knows neither address.
  return socket.remoteAddress === undefined && socket.localAddress !== undefined
}

/** Servers inside a process may have none. */
function socketOf(response: NativeResponse): Socket | undefined {
  return (response as ServerResponse).req?.socket
}

const OPEN = Symbol('penknife.open')

/** The open exchanges of a connection: there may be as many as the client pipelines, so they share one listener. */
function openOn(socket: (Socket & { [OPEN]?: Set<Ending> }) | undefined): Set<Ending> | undefined {
  if (typeof socket?.once !== 'function') return undefined
  const known = socket[OPEN]
  if (known) return known
  const open = new Set<Ending>()
  socket[OPEN] = open
  socket.once('close', () => {
    for (const ending of open) ending.closed()
  })
  return open
}

function isHttp2(response: NativeResponse): response is Http2ServerResponse {
  return 'stream' in response
}
