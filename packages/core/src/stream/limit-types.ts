import type { StreamEntry } from './entry-types.ts'

/** What a rate limiter counts for: see `LimiterSubject`. */
export type WorkerLimitSubject = string | Readonly<Record<string, string>>

/** The part of a rate limiter that a worker needs. `createRateLimiter` makes one. */
export interface WorkerLimiter {
  /** `limit` and `windowMs` say at which pace denied entries come back. */
  readonly rules: readonly {
    readonly name: string
    readonly algorithm: string
    readonly limit?: number
    readonly windowMs?: number | undefined
  }[]
  take(subject: WorkerLimitSubject): Promise<WorkerLimitDecision>
}

export interface WorkerLimitDecision {
  readonly allowed: boolean
  readonly rule: string
  readonly retryAfterMs: number
  /** Why the subject is blocked, if a block denied and no rule. */
  readonly blocked?: unknown
  /** Of a concurrency rule. */
  readonly lease?:
    | {
        readonly leaseMs: number
        renew(): Promise<boolean>
        release(): Promise<boolean>
      }
    | undefined
}

export interface WorkerLimitOptions<T = unknown> {
  /** A rate limiter, which requests may share. A worker takes a token before it starts an entry. */
  readonly limiter: WorkerLimiter
  /**
   * The limiter's subject of an entry; undefined for an entry that is not limited. `payload` is the stored one, before the schema. If it
   * throws, the entry is set aside for a second and tried again.
   */
  readonly subject: (entry: StreamEntry<T>) => WorkerLimitSubject | undefined
}
