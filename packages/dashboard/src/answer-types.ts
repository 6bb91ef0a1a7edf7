/** The answers of the JSON API of the dashboard: api-types.ts has its routes. */
import type {
  BoardRow,
  DeadLetterKind,
  InspectedDeadAction,
  InspectedEntry,
  InspectedLimiter,
  InspectedStream,
  InspectedDeniedSubject,
  InspectedSubject,
  InspectedTotals,
  LimiterListedBlock,
  ServerInfo,
  StreamConsumerStats,
  StreamGroupStats,
  StreamWatchEvent,
  StreamTaggedEntry,
} from '@penknife/core'

/** What a user may do: `read` sees everything, `operate` may also act. */
export type DashboardRole = 'read' | 'operate'

/** Data of the application after `redact`: a payload, the data of a member or of an event. */
export type Shown =
  | {
      readonly kind: 'value'
      /** JSON text. In lists at most 1,000 characters, else at most 1 MiB (2^20 characters). Not valid JSON when it was cut. */
      readonly json: string
      readonly cut: boolean
      /** Whether `redact` changed it. Such a payload cannot be edited. */
      readonly redacted: boolean
    }
  /** `redact` failed, so nothing is shown. */
  | { readonly kind: 'hidden' }

/** The body of an answer with a status other than 200. */
export interface DashboardFailure {
  readonly error: {
    /**
     * - `invalid` (400): a wrong parameter; `message` names it. `not-found` (404): no such route, or the object is not registered.
     * - `forbidden` (403): the role may not act. `cross-site` (403): the header is missing, or another site sent it.
     * - `method` (405). `gone` (409): the target is not there any more or has another state. `too-large` (413). `busy` (429): too many
     *   live streams or actions at once. `failed` (500). `unavailable` (503): Redis is away or refused the call.
     */
    readonly code:
      | 'invalid'
      | 'not-found'
      | 'forbidden'
      | 'cross-site'
      | 'method'
      | 'gone'
      | 'too-large'
      | 'busy'
      | 'failed'
      | 'unavailable'
    /** For a person. */
    readonly message: string
  }
}

/** A page of a list. `next` is the `after` of the next page; missing after the last. */
export interface Page<Item> {
  readonly items: readonly Item[]
  readonly next?: string | undefined
}

/** Parameters of a page. `limit`: 1 to 200, default 50. */
export interface PageQuery {
  readonly limit?: number
  readonly after?: string
}

export interface SessionAnswer {
  readonly user: string
  readonly role: DashboardRole
  readonly version: string
  /** The title that the application gave. Default: 'penknife'. */
  readonly title: string
  /** Where the audit is kept. */
  readonly audit: { readonly space: string; readonly stream: string }
  /** The longest body of an action in bytes. */
  readonly mostBodyBytes: number
}

export interface ServerCheck {
  /** Such as `eviction`: a heading of docs/on-call.md. */
  readonly check: string
  readonly status: 'ok' | 'warning' | 'problem'
  readonly text: string
  /** What to do. */
  readonly fix?: string
}

/** Totals of a space. `attention` has at most 100 groups. */
export interface SpaceTotals extends Omit<InspectedTotals, 'addedPerSecond' | 'finishedPerSecond'> {
  /** How many groups need attention. */
  readonly attentionCount: number
  /** Entries added and finished per second since the last reading; missing at the first one. */
  readonly addedPerSecond?: number
  readonly finishedPerSecond?: number
}

export interface OverviewAnswer {
  readonly atMs: number
  readonly redis: {
    readonly status: 'available' | 'unavailable'
    /** Why it is unavailable. */
    readonly reason?: string
    readonly latencyMs?: number
    /** Calls that wait for a reply or a connection. */
    readonly pending: number
  }
  /** Missing while Redis is away. */
  readonly server?: ServerInfo & {
    readonly usedMemoryBytes: number
    readonly clients?: number
    readonly commandsPerSecond?: number
    readonly uptimeMs?: number
  }
  /** Empty while Redis is away. */
  readonly checks: readonly ServerCheck[]
  /** At most 100 spaces. */
  readonly spaces: readonly SpaceTotals[]
  /** Whether there are more spaces. */
  readonly more: boolean
}

export interface StreamAnswer {
  readonly stream: InspectedStream
  /** Bytes of the stream, if the server tells. */
  readonly bytes?: number
  /** Rates are measured for `live-stream` only, from its second state on; `overMs` is 0 where they are not. */
  readonly addedPerSecond: number
  readonly overMs: number
  readonly groups: readonly StreamGroupDetails[]
  /** Whether entries can be found, cancelled and moved by their id: a work queue with one group. */
  readonly findable: boolean
}

/** The workers of a group by name, with entries under their lease and milliseconds since their last command. */
export interface StreamGroupDetails extends Pick<StreamGroupStats, 'name' | 'finishedPerSecond' | 'served'> {
  /** At most 200, the busiest first. */
  readonly consumers: readonly StreamConsumerStats[]
}

export interface EntryRow {
  readonly id: string
  readonly addedAtMs: number
  readonly payload: Shown
}

/** An entry that was found by its tags, and where it is. */
export interface TaggedRow extends Pick<
  StreamTaggedEntry<unknown>,
  'id' | 'addedAtMs' | 'state' | 'attempts'
> {
  /** When it is due, milliseconds since 1970. */
  readonly dueMs?: number
  /** Missing when the entry is in no place. */
  readonly payload?: Shown
}

export interface EntryAnswer {
  readonly id: string
  readonly addedAtMs: number
  /** Missing when the entry is in no place: it was handled, cancelled or purged. */
  readonly payload?: Shown
  /** Why it does not run. Missing for streams that are no work queue with one group. */
  readonly why?: Omit<InspectedEntry, 'json'>
  /** When it is due, milliseconds since 1970. */
  readonly dueMs?: number
  readonly idleMs?: number
  readonly progress?: Shown
  /** How it ended, while that is kept. */
  readonly outcome?: {
    readonly state: 'done' | 'dead' | 'cancelled'
    readonly value?: Shown
    readonly reason?: string
  }
  /** Its dead letter, when it is one. */
  readonly dead?: DeadLetterRow
  /** What is known, oldest first. */
  readonly timeline: readonly { readonly atMs: number; readonly text: string }[]
}

export interface DeadLetterRow {
  readonly id: string
  readonly position: string
  readonly group: string
  readonly key?: string
  readonly attempts: number
  readonly why: DeadLetterKind
  readonly reason: string
  /** `reason` without numbers and ids, as in `dead-groups`. */
  readonly error: string
  readonly traceparent?: string
  readonly diedAtMs: number
  readonly payload: Shown
}

export interface ScheduleRow {
  readonly stream: string
  readonly id: string
  readonly cron?: string
  readonly everyMs?: number
  readonly timeZone: string
  readonly missed: 'once' | 'all' | 'skip'
  readonly overlap: 'allow' | 'skip'
  readonly paused: boolean
  readonly nextAtMs?: number
  readonly lastAtMs?: number
  readonly lastEntry?: string
  readonly declaredAtMs?: number
  readonly payload: Shown
}

export interface LimiterAnswer {
  readonly limiter: InspectedLimiter
  /** The names of the parts of a subject that is an object; empty when subjects are texts. */
  readonly parts: readonly string[]
  /** Blocks without an end. */
  readonly blocks: Page<LimiterListedBlock>
}

/** Infinite numbers of `changesInMs`, `nextMs`, `resetMs` and `endsInMs` are null. `shadow` has the rules that only count. */
export type SubjectAnswer = InspectedSubject

export interface DeniedAnswer {
  /** The denials of so many milliseconds are counted. */
  readonly overMs: number
  /** The most denied first, at most 50; of all limiters the first 100 are read. `count` may be too small by `atMostMissing`. */
  readonly items: readonly (InspectedDeniedSubject & {
    readonly limiter: string
    readonly atMostMissing: number
  })[]
}

export interface ObjectRow {
  readonly name: string
  readonly seenAtMs: number
  /** The options that it was created with. */
  readonly options?: unknown
}

export interface BoardAnswer {
  readonly board: string
  readonly windows: readonly string[]
  readonly window: string
  /** The number of members. */
  readonly count: number
  /** Rows from position `from` on. */
  readonly rows: readonly BoardMemberRow[]
}

export interface BoardMemberRow extends Pick<BoardRow, 'member' | 'score' | 'rank'> {
  /** Missing when there are none. */
  readonly data?: Shown
}

export interface MemberAnswer {
  readonly member: string
  /** In each window; `row` is missing where it is not on the board. */
  readonly windows: readonly { readonly window: string; readonly row?: BoardMemberRow }[]
  readonly data?: Shown
}

export interface ChannelAnswer {
  readonly channel: string
  /** The position after this page: on the last page the end of the history. */
  readonly end: string
  /** Oldest first. */
  readonly items: readonly ChannelEvent[]
  readonly next?: string | undefined
  /** Whether the history after the given position is gone. */
  readonly lost: boolean
}

export interface ChannelEvent {
  readonly id: string
  readonly type: string
  readonly data: Shown
}

export interface AuditRow {
  readonly id: string
  readonly atMs: number
  readonly user: string
  readonly action: string
  /** Such as `shop/orders/billing`. */
  readonly target: string
  /**
   * `done`, `nothing` (there was nothing to do), `refused` (before it ran), `failed` (Redis refused it, or is away: it may have happened),
   * `started` (the process died before it wrote the outcome, or is still at it).
   */
  readonly outcome: 'started' | 'done' | 'nothing' | 'refused' | 'failed'
  /** A sentence with what was done, or why not. */
  readonly text?: string
}

/** The answer of every action. */
export interface ActionAnswer {
  /** Whether something was changed. With `false` the target had gone or had that state already: read again. */
  readonly changed: boolean
  /** What was done, for a person. */
  readonly text: string
  /** How many entries, letters or increments; with `dryRun` 0. */
  readonly count?: number
  /** Of dead letters. */
  readonly letters?: InspectedDeadAction
  /** The id of an entry or event that was added. */
  readonly id?: string
}

/** Sums of a space at a time, for charts. */
export interface LivePoint {
  readonly waiting: number
  readonly running: number
  readonly delayed: number
  readonly queued: number
  readonly dead: number
  readonly oldestAgeMs: number
  readonly addedPerSecond?: number
  readonly finishedPerSecond?: number
}

export interface LiveHistory {
  readonly points: readonly { readonly atMs: number; readonly spaces: Readonly<Record<string, LivePoint>> }[]
}

export interface LiveStream {
  readonly atMs: number
  /** Missing while Redis is away. */
  readonly answer?: StreamAnswer
  readonly groups: readonly LiveGroup[]
  /** The newest last. */
  readonly events: readonly StreamWatchEvent[]
  /** Events since the last state, also those that are not in `events`. */
  readonly eventCount: number
}

/** What the workers of a group did since a page follows the stream, at most in the last five minutes. */
export interface LiveGroup {
  readonly name: string
  readonly overMs: number
  readonly done: number
  readonly failed: number
  readonly dead: number
  /** Milliseconds; missing without a delivery. */
  readonly wait?: Percentiles
  readonly run?: Percentiles
}

export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly most: number
  readonly count: number
}
