import type { Library } from '../harness/library.ts'

/** Who gives the events to the clients. */
export type Side = 'penknife' | 'better-sse' | 'raw'

export interface ServerTask {
  readonly side: Side
  readonly library: Library
  readonly url: string
  /** 0 for any that is free. */
  readonly port: number
}

export interface ServerReport {
  readonly cpuUs: number
  readonly rss: number
  /** Bytes that are reachable after a collection: the heap and buffers outside of it. */
  readonly held: number
}

export interface ClientsTask {
  readonly port: number
  readonly connections: number
  /** Connection number n follows channel n modulo this. */
  readonly channels: number
  /** Further connections, that take nothing after their first bytes. */
  readonly stalled: number
}

export type ClientsOrder =
  /** To wait for so many events, all together; with `reconnect` all come back at once first, with their last ids. */
  | { readonly count: number; readonly reconnect: boolean }
  /** The server will go away. */
  | 'let go'

/** What they say when they counted them, and the server has answered each of them. */
export interface ClientsReport {
  readonly events: number
  /** Milliseconds from publish to socket, of every hundredth connection. */
  readonly latencies: readonly number[]
}

/** A byte that every event has once and nothing else has. */
export const MARK = '~'

export function eventOf(at: number, text: string = 'a line of a chat'): object {
  const sentMs = performance.timeOrigin + performance.now()
  return { at, sentMs, text, mark: MARK }
}

export function channelOf(at: number): string {
  return `room-${at}`
}
