import type { Counters } from '../guard/counter-types.ts'
import type { Semaphore } from '../guard/semaphore-types.ts'
import type { Leaderboard } from '../leaderboard/types.ts'
import type { RateLimiter } from '../limiter/types.ts'
import type { LimiterSubject } from '../limiter/subject-types.ts'
import type { Notifier, NotifierHistoryOptions, NotifierHistoryPage } from '../notifier/types.ts'
import type { Stream } from '../stream/types.ts'
import type {
  InspectDeadActionOptions,
  InspectDeadFilter,
  InspectDeadGroupsOptions,
  InspectedDeadAction,
  InspectedDeadGroups,
} from './dead-letters.ts'
import type { InspectDeniedOptions, InspectedDenied } from './denied.ts'
import type { InspectedEntry, InspectedLock, InspectedSubject } from './explain-types.ts'
import type {
  InspectedLimiter,
  InspectedObject,
  InspectedServer,
  InspectedSpace,
  InspectedStream,
  InspectedTotals,
  InspectFeature,
  InspectPage,
  InspectPageOptions,
  InspectTotalsOptions,
} from './types.ts'

/** A stream opened by its name: all that reads and manages it, and nothing that adds or handles entries. */
export type InspectStream = Pick<
  Stream<unknown>,
  | 'name'
  | 'read'
  | 'replay'
  | 'find'
  | 'tagged'
  | 'cancel'
  | 'reschedule'
  | 'stats'
  | 'schedules'
  | 'group'
  | 'watch'
>

/** A limiter opened by its name: what manages subjects. It has no deny cache, and fails when Redis is away. */
export type InspectLimiter = Pick<
  RateLimiter,
  'name' | 'rules' | 'block' | 'unblock' | 'blocks' | 'reset' | 'refund' | 'penalty' | 'set'
>

/** A board opened by its name: what reads and removes. */
export type InspectLeaderboard = Omit<
  Leaderboard,
  'increment' | 'incrementing' | 'set' | 'setting' | 'best' | 'describe' | 'on'
>

/** A notifier opened by its name. It publishes without a schema. */
export type InspectNotifier = Pick<
  Notifier,
  'name' | 'history' | 'positions' | 'subscribe' | 'events' | 'publish' | 'clear' | 'revoke'
>

/** A page of one feature. */
export interface InspectObjectsOptions extends InspectPageOptions {
  /** Default: all features. */
  readonly feature?: InspectFeature | undefined
}

/**
 * Reads what penknife has in Redis, for tools: a command line, a dashboard, metrics. Everything that it returns is plain data. Names,
 * options, payloads and errors were written by others: escape them before you show them.
 *
 * Lists come from the registry: each process registers its objects five seconds after it created them, and every ten minutes; they stay
 * listed for 30 days. Nothing uses SCAN.
 *
 * @throws each method: PENKNIFE_INVALID for a wrong argument or an object that is not registered; an outage when Redis is away.
 */
export interface Inspector {
  /** The spaces, sorted by name. One script call. */
  spaces(page?: InspectPageOptions): Promise<InspectPage<InspectedSpace>>
  /** The objects of a space, sorted by feature and name. One script call. */
  objects(space: string, page?: InspectObjectsOptions): Promise<InspectPage<InspectedObject>>
  /** Streams with their groups. One script call, and one for every 16 groups. */
  streams(space: string, page?: InspectPageOptions): Promise<InspectPage<InspectedStream>>
  /** One stream with its groups. Two script calls. */
  streamState(space: string, name: string): Promise<InspectedStream>
  /** One limiter with its rules. One script call; `seenAtMs` is 0. */
  limiterState(space: string, name: string): Promise<InspectedLimiter>
  /** Limiters with their rules. One script call. */
  limiters(space: string, page?: InspectPageOptions): Promise<InspectPage<InspectedLimiter>>
  /**
   * Sums over a space. One script call for every 1,000 objects and one for every 16 groups. All callers of this inspector share one
   * answer for ten seconds, or for `maxAge`.
   */
  totals(space: string, options?: InspectTotalsOptions): Promise<InspectedTotals>
  /**
   * The state of the server, and checks of it: settings that do not fit what is registered, memory, writes to disk, role and clock. On a cluster
   * of one of its masters. One INFO and one TIME, and the cost of `totals` of every space.
   */
  server(): Promise<InspectedServer>

  /** Opens a stream by its name. One script call, for its options. */
  stream(space: string, name: string): Promise<InspectStream>
  limiter(space: string, name: string): Promise<InspectLimiter>
  leaderboard(space: string, name: string): Promise<InspectLeaderboard>
  notifier(space: string, name: string): Promise<InspectNotifier>
  /**
   * As `history` of a notifier, and changes nothing: that method fixes where the history of an empty channel begins. Without a history the
   * position is empty. Two script calls.
   */
  history(
    space: string,
    notifier: string,
    channel: string,
    page?: NotifierHistoryOptions,
  ): Promise<NotifierHistoryPage>
  counters(space: string, name: string): Promise<Pick<Counters, 'name' | 'read' | 'set'>>
  semaphore(space: string, name: string): Promise<Pick<Semaphore, 'name' | 'look'>>

  /** Why a call of a subject is denied, from one script call that only reads; more for parts stored in different places. */
  explainSubject(
    space: string,
    limiter: string,
    subject: LimiterSubject,
    options?: { readonly cost?: number | undefined },
  ): Promise<InspectedSubject>
  /**
   * The subjects that a limiter denied most in the last five minutes, in all processes: see `reportDenied` of a limiter. The limiter needs
   * not be registered. One script call.
   */
  deniedSubjects(space: string, limiter: string, options?: InspectDeniedOptions): Promise<InspectedDenied>
  /** Why an entry of a work queue with one group does not run. Costs as `stream.find`. */
  explainEntry(space: string, stream: string, id: string): Promise<InspectedEntry>
  /** Who has the lock of a key. One script call. The lock needs not be registered. */
  explainLock(space: string, lock: string, key: string): Promise<InspectedLock>

  /** Dead letters of a group by their error. One script call for every 1,000 letters. */
  deadGroups(
    space: string,
    stream: string,
    group: string,
    options?: InspectDeadGroupsOptions,
  ): Promise<InspectedDeadGroups>
  /** Requeues the dead letters that a filter selects. */
  requeueDead(
    space: string,
    stream: string,
    group: string,
    filter: InspectDeadFilter,
    options?: InspectDeadActionOptions,
  ): Promise<InspectedDeadAction>
  /** Deletes the dead letters that a filter selects. */
  purgeDead(
    space: string,
    stream: string,
    group: string,
    filter: InspectDeadFilter,
    options?: InspectDeadActionOptions,
  ): Promise<InspectedDeadAction>
  /**
   * Ends the lease of a lock's holder; the first waiting caller gets the lock. `fence` is that of `explainLock`: a newer lease stays.
   * Resolves with false when that lease was not in force. The holder learns it at its next renewal, a third of its lease later: until then
   * both may work, so the resource has to check the fence. One script call.
   */
  forceRelease(space: string, lock: string, key: string, fence: number): Promise<boolean>
}
