/** A message to the server's process: publish; wait and report what it keeps; report its findings; or close. */
export type Asked = 'begin' | 'rest' | 'report' | 'close'

export interface Ready {
  readonly ports: readonly number[]
  /** Of the frameworks behind the ports. */
  readonly names: readonly string[]
}

/** The objects that a process keeps. */
export interface Kept {
  /** The requests on each open connection. */
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
