import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'

import type { NativeRequest, NativeResponse } from './exchange.ts'
import { stateOfResponse } from './state.ts'

/**
 * How an exchange ended:
 * - `finished`: the operating system has the whole response;
 * - `aborted`: the connection closed before that;
 * - `detached`: the application took over the socket (a WebSocket, a tunnel), and the socket closed.
 */
export type Outcome = 'finished' | 'aborted' | 'detached'

/**
 * The end of one exchange.
 *
 *     open ── 'finish' of the response; on HTTP/2 the stream closes and took all ──> finished
 *          ── 'close' of the response or the stream before that ──────────────────> aborted
 *          ── 'close' of the socket ──────────────────────────────────────────────> aborted
 *          ── either 'close' where the application detached or upgraded the socket > detached
 *
 * The events of the response are not enough. A response that waits behind another one on its connection (pipelining), or
 * whose socket was detached, has no socket and emits nothing when the connection breaks. The events of the socket are not
 * enough either: in-process servers (serverless, test injection) have no socket that closes.
 */
export class Ending {
  readonly #response: NativeResponse
  /** Whether the response ever had a socket. */
  #hadSocket: boolean
  #outcome: Outcome | undefined
  /** The first listener, and further ones. Most exchanges have one, and need no list. */
  #listener: ((outcome: Outcome) => void) | undefined
  #others: ((outcome: Outcome) => void)[] | undefined

  constructor(response: NativeResponse) {
    this.#response = response
    this.#hadSocket = !isHttp2(response) && Boolean(response.socket)
    this.#outcome = outcomeSoFar(response)
    if (this.#outcome) return
    if (isHttp2(response)) {
      // On HTTP/2 'finish' means nothing: it is emitted with every 'close'.
      response.once('close', () => this.#end(outcomeOfStream(response)))
      return
    }
    response.on('finish', finished)
    response.on('close', closed)
    if (!this.#hadSocket) response.once('socket', () => (this.#hadSocket = true))
    openOn(socketOf(response))?.add(this)
  }

  /** Undefined while the exchange is open. */
  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /** Calls the listener once at the end, or at once if it has ended. The listener must not throw. */
  onEnd(listener: (outcome: Outcome) => void): void {
    if (this.#outcome) listener(this.#outcome)
    else if (!this.#listener) this.#listener = listener
    else (this.#others ??= []).push(listener)
  }

  /** Called when the response or its socket closed. */
  closed(): void {
    const response = this.#response as ServerResponse
    const takenOver = isUpgrade(response) || (this.#hadSocket && !response.socket)
    this.#end(takenOver ? 'detached' : 'aborted')
  }

  /** Called when the operating system has the whole response. */
  finished(): void {
    this.#end('finished')
  }

  #end(outcome: Outcome): void {
    if (this.#outcome) return
    this.#outcome = outcome
    if (!isHttp2(this.#response)) openOn(socketOf(this.#response))?.delete(this)
    const first = this.#listener
    const others = this.#others
    this.#listener = undefined
    this.#others = undefined
    first?.(outcome)
    if (others) for (const listener of others) listener(outcome)
  }
}

const ENDING = Symbol('penknife.ending')

// Functions of all responses: a closure for each costs more than all that it does.
function finished(this: ServerResponse): void {
  knownEnding(this)?.finished()
}

function closed(this: ServerResponse): void {
  knownEnding(this)?.closed()
}

function knownEnding(response: NativeResponse): Ending | undefined {
  return (stateOfResponse(response) as { readonly [ENDING]?: Ending })[ENDING]
}

/** The ending of this response's exchange. All middlewares and frameworks share it. */
export function endingOf(response: NativeResponse): Ending {
  const known = stateOfResponse(response) as { [ENDING]?: Ending }
  return (known[ENDING] ??= new Ending(response))
}

/** Whether nothing more can reach the client: it left, or the response is complete. */
export function isGone(response: NativeResponse): boolean {
  if (response.writableEnded) return true
  // A stream whose client left is closed some ticks before it is destroyed.
  if (isHttp2(response) ? response.stream.destroyed || response.stream.closed : response.destroyed)
    return true
  const socket = socketOf(response)
  return socket !== undefined && (socket.destroyed || wasReset(socket))
}

/** The status of an exchange that ended: 499 when the client left before there was an answer. */
export function finalStatus(response: NativeResponse, outcome: Outcome): number {
  if (outcome === 'finished') return response.statusCode
  if (outcome === 'detached') return response.headersSent ? response.statusCode : 101
  // Headers of a response that waited behind another one were written, but never sent.
  const begun = response.headersSent && (isHttp2(response) || response.socket !== null)
  return begun ? response.statusCode : 499
}

/** The error code of HTTP/2 for a stream that is given up (RFC 9113, 7). */
const CANCEL = 8

/** Cuts the connection; on HTTP/2 the stream. */
export function cutOff(response: NativeResponse): void {
  if (isHttp2(response)) {
    // Without the code, clients take what they got for a whole response.
    response.stream.close(CANCEL)
    return void response.stream.destroy()
  }
  response.destroy()
  // A response that waits behind another one on its connection does not close the socket yet.
  socketOf(response)?.destroy()
}

/** The declared length of the body, if all of it has arrived, perhaps before the bytes were counted. */
export function arrivedBefore(request: NativeRequest): number {
  return request.complete ? Number(request.headers['content-length'] ?? 0) : 0
}

/** The outcome of an exchange that has already ended. */
function outcomeSoFar(response: NativeResponse): Outcome | undefined {
  if (isHttp2(response)) return response.stream.destroyed ? outcomeOfStream(response) : undefined
  if (wasSent(response)) return 'finished'
  const socket = socketOf(response)
  if (!response.destroyed && !socket?.destroyed) return undefined
  return isUpgrade(response) ? 'detached' : 'aborted'
}

/** Whether the operating system has the whole response. In-process sockets may not count bytes, or outlive their response. */
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

/** Node sets `upgrade` on such a request and makes no response; the application may make one itself. */
function isUpgrade(response: ServerResponse): boolean {
  return (response.req as { readonly upgrade?: boolean | null } | undefined)?.upgrade === true
}

/** Whether the client reset the connection at once: the operating system no longer knows its address. */
function wasReset(socket: Socket): boolean {
  // A unix socket has neither address.
  return socket.remoteAddress === undefined && socket.localAddress !== undefined
}

/** In-process servers may have no socket. */
function socketOf(response: NativeResponse): Socket | undefined {
  return (response as ServerResponse).req?.socket
}

const OPEN = Symbol('penknife.open')

/** Whether a request of this connection is open that a middleware got. */
export function hasOpenExchange(socket: Socket): boolean {
  return ((socket as { [OPEN]?: Set<Ending> })[OPEN]?.size ?? 0) > 0
}

/** The open exchanges of a connection. A client may pipeline many, so they share one listener. */
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
