import type { Duration } from '../duration.ts'
import type { Jsonified } from '../json.ts'
import type { Effect } from '../record/effect.ts'

export interface DeduperOptions {
  /** For how long an id is known: '1s' to '31d'. */
  readonly window: Duration
  /** Ids that are known at once; above it the oldest are forgotten. 1,000 to 100,000,000. Default: 1,000,000. */
  readonly maxIds?: number
  /**
   * `spread`: ids are spread over 16 shards of the space, on a cluster over its servers. `space`: all ids are in the space's slot, where
   * one script can claim them beside other effects. All who use the deduper give the same. Default: 'spread'.
   */
  readonly place?: 'spread' | 'space'
}

/**
 * Says which ids are new, for many ids. Made by `createDeduper`.
 *
 * An id that was claimed counts as seen, whatever becomes of the caller. Calls of a tick travel together.
 */
export interface Deduper {
  readonly name: string
  /** True for the first caller with this id within the window. One script call. */
  claim(id: string): Promise<boolean>
  /** As `claim` for up to 1,000 ids, each by itself: a script call for 64 ids of a shard. */
  claimAll(ids: readonly string[]): Promise<readonly boolean[]>
  /**
   * The effect of claiming an id, for `record` and `commit`: when the id is known, all effects are refused. Needs `place: 'space'`.
   */
  claiming(id: string): Effect<true>
  /** Forgets an id, as when its handling failed. True if it was known. */
  forget(id: string): Promise<boolean>
}

export interface OnceOptions {
  /**
   * For how long the result is kept and given to every later caller: '1s' to '366d'. `0` keeps nothing: callers are held off, and learn
   * the result, only until it is done.
   */
  readonly window: Duration
  /**
   * For how long a run may be without renewal before another caller may take over, as after a crash: '1s' to '1h'. Runs are renewed at a
   * third of it. Default: '30s'.
   */
  readonly lease?: Duration
  /** How long a run is renewed at the most. Default: '15m'. */
  readonly maxRun?: Duration
  /**
   * Whether a body that failed is forgotten, so that the next caller runs it again. With false its message is kept like a result. Default:
   * true.
   */
  readonly forgetOnFailure?: boolean
  /** How long a caller waits for the run of another: 0 to '1h'. Default: '30s'. */
  readonly wait?: Duration
}

export interface OnceRunOptions {
  /** As in the options of `createOnce`, for this call. */
  readonly wait?: Duration
  /** Ends the waiting; the call then rejects with the signal's reason. A run that began goes on. */
  readonly signal?: AbortSignal
}

/** What a body is given. */
export interface OnceRun {
  readonly id: string
  /**
   * Aborted when the claim is lost: Redis was away for longer than the lease, the process stood still, or `maxRun` is over. Another caller
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
  /** The body failed before, and its failure is kept (`forgetOnFailure: false`). */
  | { readonly status: 'failed'; readonly message: string }
  /** Another caller still runs the body. */
  | { readonly status: 'running' }

/** Runs a body once for each id, over all processes. Made by `createOnce`. */
export interface Once {
  readonly name: string
  /**
   * Runs the body, unless somebody did or does: then gives that result. The result is kept as JSON of at most 64 KiB.
   *
   * Cost: two script calls for who runs the body, and one every third of the lease; one for who comes later; one or two, and a
   * subscription, for who waits.
   *
   * @throws what the body threw. PENKNIFE_LEASE_LOST when another caller took over before the body ended: this result is not
   * stored, and the body may run twice. A claim that was lost and that nobody took over still stores the result. While Redis is
   * away the result is sent again until the claim ends; then PENKNIFE_TIMEOUT and the like: the body ran, and may run again.
   */
  run<Result>(
    id: string,
    body: (run: OnceRun) => Result | Promise<Result>,
    options?: OnceRunOptions,
  ): Promise<OnceAnswer<Result>>
  /** Forgets what is kept of an id, so that the next caller runs the body. True if there was something; a run under way goes on. */
  forget(id: string): Promise<boolean>
}
