import type { Library } from '../harness/library.ts'

/** The library that sends the events to the clients. */
export type Side = 'penknife' | 'better-sse' | 'raw' | SocketSide

/** Those over WebSockets. */
export type SocketSide = 'penknife sockets' | 'ws' | 'socket.io'

export function isSocketSide(side: Side): side is SocketSide {
  return side === 'penknife sockets' || side === 'ws' || side === 'socket.io'
}

export interface ServerTask {
  readonly side: Side
  readonly library: Library
  readonly url: string
  /** 0: any free port. */
  readonly port: number
}

export interface ServerReport {
  readonly cpuUs: number
  readonly rss: number
  /** Reachable bytes after a garbage collection: the heap, and buffers outside of it. */
  readonly retained: number
}

export interface ClientsTask {
  readonly side: Side
  readonly port: number
  readonly connections: number
  /** Connection number n follows channel n modulo this. */
  readonly channels: number
  /** Further connections that read nothing after their first bytes. */
  readonly stalled: number
}

export type ClientsOrder =
  /**
   * Waits for so many events of all connections together. With `reconnect` all reconnect at once first, with their
   * last ids.
   */
  | { readonly count: number; readonly reconnect: boolean }
  /** The server is about to end. */
  | 'let go'

/** Sent when all events were counted, and the server has answered each connection. */
export interface ClientsReport {
  readonly events: number
  /** Milliseconds from publish to socket, for every hundredth connection. */
  readonly latencies: readonly number[]
}

/** A byte that occurs once in each event, and nowhere else. */
export const MARK = '~'

export function eventOf(at: number, text: string = 'a line of a chat'): object {
  const sentMs = performance.timeOrigin + performance.now()
  return { at, sentMs, text, mark: MARK }
}

export function channelOf(at: number): string {
  return `room-${at}`
}
