import type { Duration } from '../duration.ts'
import type { HeldLease, LockOptions } from './lock-types.ts'

export interface LeaderOptions extends Pick<LockOptions, 'lease' | 'label'> {
  /**
   * The work of the leader. It begins when this process is elected. When it returns or throws, the process steps down, and stands for
   * election again after `rest`. When the lease is lost or the leader is closed, `held.signal` is aborted: it must end then. Without `lead`
   * the process leads until it is closed or loses its lease.
   */
  readonly lead?: ((held: HeldLease) => void | Promise<void>) | undefined
  /** The pause before the process stands for election again after it stepped down, or could not ask Redis: '1ms' to '1h'. Default: '1s'. */
  readonly rest?: Duration | undefined
}

export interface LeaderCloseOptions {
  /** How long to wait for `lead`; after that the process steps down while `lead` may still run. Default: '10s'. */
  readonly deadline?: Duration | undefined
}

export type LeaderEvent =
  /** `lost`: the lease was lost. `stepped-down`: `lead` ended, or the leader was closed. */
  | {
      readonly kind: 'elected' | 'lost' | 'stepped-down'
      readonly space: string
      readonly name: string
      readonly fence: number
    }
  /** `lead` threw the error, or Redis could not be asked. */
  | { readonly kind: 'failed'; readonly space: string; readonly name: string; readonly error: unknown }

/** One of the processes leads until it ends or loses its lease; then the next one does. Created by `createLeader`. */
export interface Leader extends AsyncDisposable {
  readonly name: string
  /** The lease of this process, while it leads. */
  readonly held: HeldLease | undefined
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: LeaderEvent) => void): () => void
  /** The `label` of the process that leads; null when nobody does. One script call. */
  look(): Promise<string | null>
  /** Aborts `held.signal`, waits for `lead`, and steps down: others are elected at once. */
  close(options?: LeaderCloseOptions): Promise<void>
}
