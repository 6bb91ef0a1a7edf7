import type { HeldLease, LockOptions } from './lock-types.ts'

export interface LeaderOptions extends Pick<LockOptions, 'lease' | 'label'> {
  /**
   * What the leader does. Begins when this process is elected. While it runs, the process leads; when it returns or throws, the process
   * steps down, and stands for election again after `rest`. When the lease is lost `held.signal` is aborted, and it is waited for: it must
   * end then. Without it the process leads until it is closed or loses its lease.
   */
  readonly lead?: (held: HeldLease) => void | Promise<void>
  /** Before the process stands for election again after it stepped down, or could not ask Redis: '1ms' to '1h'. Default: '1s'. */
  readonly rest?: LockOptions['lease']
}

export type LeaderEvent =
  | { readonly kind: 'elected'; readonly leader: string; readonly fence: number }
  /** `lost`: the lease was lost. `stepped-down`: `lead` ended, or the leader was closed. */
  | { readonly kind: 'lost' | 'stepped-down'; readonly leader: string; readonly fence: number }
  /** What `lead` threw, or why Redis could not be asked. */
  | { readonly kind: 'failed'; readonly leader: string; readonly error: unknown }

/** One of the processes leads, until it ends or loses its lease; then the next one does. Made by `createLeader`. */
export interface Leader extends AsyncDisposable {
  readonly name: string
  /** The lease of this process, while it leads. */
  readonly held: HeldLease | undefined
  /** Adds a listener; the function that comes back removes it. */
  on(listener: (event: LeaderEvent) => void): () => void
  /** Who leads, as the process calls itself (`label`); null when nobody does. One script call. */
  look(): Promise<string | null>
  /** Steps down: `held.signal` is not aborted, `lead` is not waited for. Others are elected at once. */
  close(): Promise<void>
}
