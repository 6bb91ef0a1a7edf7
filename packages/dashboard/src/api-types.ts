/**
 * The JSON API of the dashboard, below `<mount>/api/`. Only types: the page imports them too.
 *
 * - Reads are `GET api/<read>?name=value`, see `DashboardReads`. Actions are `POST api/<action>` with a JSON body, see `DashboardActions`.
 *   Streams of events are `GET api/<live>`, see `DashboardLive`.
 * - Every POST has the header `X-Penknife-Dashboard: 1` and `Content-Type: application/json`.
 * - An answer with a status other than 200 is `DashboardFailure`.
 * - Numbers that are infinite in JavaScript are `null` in JSON. Members that are undefined are missing.
 * - All text may be hostile: names, payloads, errors. Show it as text.
 */
import type {
  BoardRow,
  DeadLetterKind,
  InspectDeadFilter,
  InspectedDeadAction,
  InspectedDeadGroups,
  InspectedEntry,
  InspectedLimiter,
  InspectedLock,
  InspectedSpace,
  InspectedStream,
  InspectedSubject,
  InspectedTotals,
  LimiterListedBlock,
  LimiterSubject,
  ServerInfo,
  StreamConsumerStats,
  StreamGroupStats,
  StreamWatchEvent,
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
  /** Only decisions of the process that serves the dashboard are counted, since somebody first asked. */
  readonly sinceMs: number
  /** Over so many milliseconds at most. */
  readonly overMs: number
  /** The most denied first, at most 50. `count` may be too large by `atMostTooMany`. */
  readonly items: readonly {
    readonly space: string
    readonly limiter: string
    readonly subject: LimiterSubject
    readonly count: number
    readonly atMostTooMany: number
    /** The rule that denied last; missing when it was blocked. */
    readonly rule?: string
    readonly lastAtMs: number
  }[]
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

interface OfSpace {
  readonly space: string
}
interface OfStream extends OfSpace {
  readonly stream: string
}
interface OfGroup extends OfStream {
  readonly group: string
}
interface OfEntry extends OfStream {
  readonly id: string
}
interface OfLimiter extends OfSpace {
  readonly limiter: string
}
interface OfBoard extends OfSpace {
  readonly board: string
}
interface OfChannel extends OfSpace {
  readonly notifier: string
  readonly channel: string
}
interface OfLock extends OfSpace {
  readonly lock: string
  readonly key: string
}

/**
 * A subject in a query: `subject=ann` for text, `part.tenant=acme&part.user=ann` for an object. In bodies it is a `LimiterSubject`.
 */
export interface SubjectQuery {
  readonly subject?: string
  readonly [part: `part.${string}`]: string
}

/** `GET api/<name>`: its query and its answer. */
export interface DashboardReads {
  session: { query: object; answer: SessionAnswer }
  overview: { query: object; answer: OverviewAnswer }
  spaces: { query: PageQuery; answer: Page<InspectedSpace> }
  streams: { query: OfSpace & PageQuery; answer: Page<InspectedStream> }
  stream: { query: OfStream; answer: StreamAnswer }
  /** Entries in the stream, without those that were handled and deleted. Newest first unless `order=oldest`. */
  entries: { query: OfStream & PageQuery & { order?: 'newest' | 'oldest' }; answer: Page<EntryRow> }
  entry: { query: OfEntry; answer: EntryAnswer }
  /** Dead letters by error; of the newest 10,000. */
  'dead-groups': { query: OfGroup; answer: InspectedDeadGroups }
  /** Each letter, newest first. A page may have no items and a `next`. */
  dead: {
    query: OfGroup & PageQuery & { error?: string; contains?: string; why?: DeadLetterKind }
    answer: Page<DeadLetterRow>
  }
  'dead-letter': { query: OfGroup & { position: string }; answer: DeadLetterRow }
  /** Of one stream, or of all streams of the space. */
  schedules: { query: OfSpace & { stream?: string } & PageQuery; answer: Page<ScheduleRow> }
  limiters: { query: OfSpace & PageQuery; answer: Page<InspectedLimiter> }
  limiter: { query: OfLimiter & PageQuery; answer: LimiterAnswer }
  subject: { query: OfLimiter & SubjectQuery & { cost?: number }; answer: SubjectAnswer }
  denied: { query: { space?: string; limiter?: string }; answer: DeniedAnswer }
  boards: { query: OfSpace & PageQuery; answer: Page<ObjectRow> }
  /** `previous`: 0 is the current period of a calendar window, 1 the one before. `from`: a position from 1. */
  board: {
    query: OfBoard & { window?: string; previous?: number; from?: number; limit?: number }
    answer: BoardAnswer
  }
  member: { query: OfBoard & { member: string }; answer: MemberAnswer }
  notifiers: { query: OfSpace & PageQuery; answer: Page<ObjectRow> }
  /** The oldest events first; `after=-` or nothing: from the beginning. */
  channel: { query: OfChannel & PageQuery; answer: ChannelAnswer }
  /** The names of locks. Their keys are not listed. */
  locks: { query: OfSpace & PageQuery; answer: Page<ObjectRow> }
  lock: { query: OfLock; answer: InspectedLock }
  /** Newest first. */
  audit: { query: PageQuery; answer: Page<AuditRow> }
}

/** `POST api/<name>`: its body. The answer is an `ActionAnswer`. */
export interface DashboardActions {
  'stream.pause': OfGroup
  'stream.resume': OfGroup
  /** Removes the waiting and delayed entries of the group. */
  'stream.clear': OfGroup
  'entry.cancel': OfEntry
  'entry.reschedule': OfEntry & { readonly atMs: number }
  /** Handles it as soon as a worker is free: a delayed or retrying entry, or a dead letter. */
  'entry.retry': OfEntry
  /** `filter: {}` selects all. Give `dryRun: true` first, and show `letters.matched`. */
  'dead.requeue': OfGroup & DeadSelection
  'dead.purge': OfGroup & DeadSelection
  /** Requeues one letter with another payload: JSON text. Refused when `redact` changes its payload. */
  'dead.edit': OfGroup & { readonly position: string; readonly json: string }
  'schedule.pause': OfEntry
  'schedule.resume': OfEntry
  'schedule.run': OfEntry
  'schedule.remove': OfEntry
  /** `duration`: such as '1h', or 'forever'. `per`: the blocked part of a subject that is an object. */
  'limiter.block': OfLimiter & {
    readonly subject: LimiterSubject
    readonly duration: string
    readonly reason: string
    readonly per?: string
  }
  'limiter.unblock': OfLimiter & { readonly subject: LimiterSubject; readonly per?: string }
  'limiter.reset': OfLimiter & { readonly subject: LimiterSubject; readonly per?: string }
  /** Removes a member from every window. */
  'board.remove': OfBoard & { readonly member: string }
  /** Publishes an event. `json` is the data as JSON text. Default of `type`: 'message'. */
  'channel.publish': OfChannel & { readonly type?: string; readonly json: string }
  /** Deletes the history. */
  'channel.clear': OfChannel
  /** Ends the rights of a user to these channels, or to all. */
  'notifier.revoke': OfSpace & {
    readonly notifier: string
    readonly user: string
    readonly channels?: readonly string[]
  }
  'lock.release': OfLock & { readonly fence: number }
}

/** One letter, or those that a filter selects. */
export interface DeadSelection {
  readonly position?: string
  readonly filter?: InspectDeadFilter
  readonly dryRun?: boolean
  /** The most letters to act on: 1 to 100,000. Default: 10,000. `more` letters are left: call it again. */
  readonly most?: number
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

/**
 * `GET api/<name>`: server-sent events. Each `event:` has JSON `data:`. The server sends a comment every 15 s. It ends with the event `end`
 * at shutdown. Over the bound of clients the answer is 429.
 */
export interface DashboardLive {
  /**
   * First `history` (points of the last minutes in which a page was open), then `totals`: the answer of `overview`, every 2 s, and up to a
   * minute when there are thousands of streams. Also when Redis is away.
   */
  live: {
    query: object
    events: { history: LiveHistory; totals: OverviewAnswer; end: object }
  }
  /**
   * Of one stream: `state` every 2 s, with what its workers reported since a page follows it. `events` has at most 50 of their events since the
   * last one, without payloads.
   */
  'live-stream': {
    query: OfStream
    events: { state: LiveStream; end: object }
  }
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
