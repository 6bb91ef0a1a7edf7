/** Who gives the events to the clients. */
export type Side = 'penknife' | 'better-sse' | 'raw'

export interface ServerTask {
  readonly side: Side
  readonly url: string
}

export interface ServerReport {
  readonly cpuUs: number
  readonly rss: number
}

export interface ClientsTask {
  readonly port: number
  readonly connections: number
  /** Connection number n follows channel n modulo this. */
  readonly channels: number
}

/** What the clients are asked to wait for, and what they say then. */
export interface ClientsReport {
  readonly events: number
  /** Milliseconds from publish to socket, of every hundredth connection. */
  readonly latencies: readonly number[]
}

/** A byte that every event has once and nothing else has. */
export const MARK = '~'

export function eventOf(at: number): object {
  const sentMs = performance.timeOrigin + performance.now()
  return { at, sentMs, text: 'a line of a chat', mark: MARK }
}

export function channelOf(at: number): string {
  return `room-${at}`
}
