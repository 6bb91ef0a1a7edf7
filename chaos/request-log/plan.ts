export const SPACE = 'chaos'
export const LOG = 'requests'
/** So many that nothing is trimmed. */
export const RETAIN = { entries: 100_000_000 }

export interface MemberConfig {
  readonly url: string
  readonly seed: number
  /** Entries in memory: few, so that outages drop some. */
  readonly maxPending: number
  /** The pause of each client after a request. */
  readonly pauseMs: number
}

export interface MemberLife {
  readonly folder: string
  readonly life: string
}

/** What a process says of itself when it ends. */
export interface EndRecord {
  readonly k: 'end'
  /** Requests that its servers got. */
  readonly received: number
  /** Entries that it lost, as onError reported. */
  readonly lost: number
}

export interface BornRecord {
  readonly k: 'born'
}

export type MemberRecord = EndRecord | BornRecord
