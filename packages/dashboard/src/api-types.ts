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
  DeadLetterKind,
  InspectDeadFilter,
  InspectedDeadGroups,
  InspectedLimiter,
  InspectedLock,
  InspectedSpace,
  InspectedStream,
  LimiterSubject,
} from '@penknife/core'

import type {
  Page,
  PageQuery,
  SessionAnswer,
  OverviewAnswer,
  StreamAnswer,
  EntryRow,
  TaggedRow,
  EntryAnswer,
  DeadLetterRow,
  ScheduleRow,
  LimiterAnswer,
  SubjectAnswer,
  DeniedAnswer,
  ObjectRow,
  BoardAnswer,
  MemberAnswer,
  ChannelAnswer,
  AuditRow,
  LiveHistory,
  LiveStream,
} from './answer-types.ts'

export type * from './answer-types.ts'

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
  /**
   * Entries with all of some tags, newest first: `tags` is such as `user=ann order=17`. At most 100, usually 20. A page may have no items and
   * a `next`.
   */
  tagged: { query: OfStream & PageQuery & { tags: string }; answer: Page<TaggedRow> }
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
  denied: { query: { space: string; limiter?: string }; answer: DeniedAnswer }
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
