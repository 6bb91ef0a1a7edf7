import type { Duration } from '../duration.ts'
import type { PenknifeError } from '../errors.ts'
import type { Effect } from '../record/effect.ts'
import type { Jsonified } from '../json.ts'

export interface DeduperOptions {
  /** How long an id is stored: '1s' to '31d'. */
  readonly window: Duration
  /** The most ids that are stored; above it the oldest are forgotten. 1,000 to 100,000,000. Default: 1,000,000. */
  readonly maxIds?: number | undefined
  /**
   * `spread`: on a cluster ids are spread over 16 shards of the space, and so over its servers; on a single server it is as `space`. `space`:
   * all ids are in the space's slot, where one script can claim them together with other effects. All processes give the same. Data that
   * moves from a single server to a cluster needs `space`, or its ids are forgotten. Default: 'spread'.
   */
  readonly place?: 'spread' | 'space' | undefined
}

/**
 * Finds out which of many ids are new. Created by `createDeduper`.
 *
 * A claimed id counts as seen, also when its caller fails afterwards. Calls of a tick share one command.
 */
export interface Deduper {
  readonly name: string
  /** True for the first caller with this id within the window. One script call. */
  claim(id: string): Promise<boolean>
  /** As `claim` for up to 1,000 ids, each by itself. One script call for every 64 ids of a shard. */
  claimMany(ids: readonly string[]): Promise<readonly boolean[]>
  /** The effect of claiming an id, for `record` and `commit`. A known id refuses all effects. Needs `place: 'space'`. */
  claiming(id: string): Effect<true>
  /** Forgets an id, such as when its processing failed. True if it was stored. */
  forget(id: string): Promise<boolean>
}

export interface OnceOptions {
  /**
   * How long the result is stored and returned to later callers: '1s' to '366d'. `0` stores nothing: callers wait, and get the result, only
   * while the body runs.
   */
  readonly window: Duration
  /**
   * How long a run may be without renewal before another caller may take over, such as after a crash: '1s' to '1h'. A run is renewed every
   * third of this time. Default: '30s'.
   */
  readonly lease?: Duration | undefined
  /** How long a run is renewed at the most. Default: '15m'. */
  readonly maxRun?: Duration | undefined
  /**
   * Whether a body that failed is forgotten, so that the next caller runs it again. With false, its message is stored like a result.
   * Default: true.
   */
  readonly forgetOnFailure?: boolean | undefined
  /** How long a caller waits for the run of another caller: 0 to '1h'. Default: '30s'. */
  readonly wait?: Duration | undefined
}

export interface OnceRunOptions {
  /** As in the options of `createOnce`, for this call. */
  readonly wait?: Duration | undefined
  /** Ends the waiting: the call rejects with the signal's reason. It does not end a body that runs. */
  readonly signal?: AbortSignal | undefined
}

/** The argument of a body. */
export interface OnceRun {
  readonly id: string
  /**
   * Aborted when the claim is lost: Redis was away for longer than the lease, the process was paused, or `maxRun` is over. Another caller
   * may run the body then. The result of this run is stored only if no other caller took over.
   */
  readonly signal: AbortSignal
}

export type OnceAnswer<Result> =
  | {
      readonly status: 'done'
      /** This call ran the body. */
      readonly first: boolean
      readonly result: Jsonified<Result>
    }
  /** The body failed before, and its failure is stored (`forgetOnFailure: false`). */
  | { readonly status: 'failed'; readonly message: string }
  /** Another caller still runs the body. */
  | { readonly status: 'running' }

/** A claim was lost while its body ran: another caller may run the body. */
export interface OnceClaimLost {
  readonly kind: 'lost'
  readonly space: string
  readonly name: string
  readonly id: string
  /** The reason of the run's signal. */
  readonly error: PenknifeError
}

export type OnceEvent = OnceClaimLost

/** Runs a body once for each id, over all processes. Created by `createOnce`. */
export interface Once {
  readonly name: string
  /**
   * Runs the body, unless it ran or runs already: then it returns that result. The result is stored as JSON of at most 64 KiB.
   *
   * Cost: two script calls for the caller that runs the body, and one every third of the lease; one for a later caller; one or two, and a
   * subscription, for a waiting caller.
   *
   * @throws the error of the body. PENKNIFE_LEASE_LOST when another caller took over before the body ended: this result is not stored, and
   * the body may run twice. While Redis is away the result is sent again until the claim ends; then PENKNIFE_TIMEOUT and the like. Of an
   * error of penknife, `fate` is 'not-done' when the body did not run in this call, and 'unknown' when it ran.
   */
  run<Result>(
    id: string,
    body: (run: OnceRun) => Result | Promise<Result>,
    options?: OnceRunOptions,
  ): Promise<OnceAnswer<Result>>
  /** Deletes the stored result of an id, so that the next caller runs the body. True if there was one; a body that runs goes on. */
  forget(id: string): Promise<boolean>
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: OnceEvent) => void): () => void
}
