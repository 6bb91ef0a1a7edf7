/** What the server's process is asked: to publish, to rest and say what it holds, what it found, or to close. */
export type Asked = 'begin' | 'rest' | 'report' | 'close'

export interface Ready {
  readonly ports: readonly number[]
  /** Of the frameworks behind the ports. */
  readonly names: readonly string[]
}

/** What a process holds. */
export interface Held {
  /** What was asked for on each open connection. */
  readonly connections: readonly string[]
  readonly slots: number
  readonly timers: number
  readonly heapBytes: number
  /** When the event loop was blocked since the last `begin`, and by what. */
  readonly blocked: readonly string[]
}

export interface Report {
  readonly findings: readonly string[]
  /** How long it took to close. */
  readonly closedMs: number
}
