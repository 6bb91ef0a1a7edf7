import type { Duration } from '../duration.ts'
import type { Feature, ServerInfo } from '../redis/server.ts'
import type { LimiterRuleInfo } from '../limiter/rule-types.ts'

export interface InspectPageOptions {
  /** The most items of a page: 1 to 1,000. Default: 100. */
  readonly limit?: number | undefined
  /** The `next` of the page before. */
  readonly after?: string | undefined
}

export interface InspectPage<Item> {
  readonly items: readonly Item[]
  /** For the next page; undefined after the last. A page may have fewer items than `limit`, or none, and a next page. */
  readonly next: string | undefined
  /** Members of the list on this page that penknife did not write. They are left out. */
  readonly foreign: number
}

/** The kind of an object: `limiter` for what createRateLimiter makes, `requests` for the middleware `idempotent`, and so on. */
export type InspectFeature = Feature

export interface InspectedSpace {
  readonly name: string
  /** When a process last registered an object of it, in milliseconds since 1970. A living process does so every ten minutes. */
  readonly seenAtMs: number
}

/** An object that some process created in the last 30 days. */
export interface InspectedObject {
  readonly space: string
  readonly feature: InspectFeature
  readonly name: string
  /** When a process last registered it, in milliseconds since 1970. A living process does so every ten minutes. */
  readonly seenAtMs: number
  /**
   * The options that it was created with, as JSON represents them: those that decide how its data are stored and read. Undefined if they
   * were too long. Another program may have written them.
   */
  readonly options: unknown
}

/**
 * What needs attention in a group, the first that applies. `paused`: see `pause` of a group. `no-worker`: entries wait, and no worker is
 * alive. `behind`: its oldest entry is older than five minutes, although workers are alive. `dead-letters`: it has some.
 */
export type InspectedGroupState = 'ok' | 'paused' | 'no-worker' | 'behind' | 'dead-letters'

export interface InspectedGroup {
  readonly name: string
  readonly state: InspectedGroupState
  /** Entries that no worker has and that may be handled now. */
  readonly waiting: number
  /** False when `waiting` is an estimate, see `StreamGroupStats`. */
  readonly exact: boolean
  readonly running: number
  /** Entries that wait for a time: added with a delay, or after a failed attempt. */
  readonly delayed: number
  /** Entries that wait for an earlier entry of their key. */
  readonly queued: number
  /** Dead letters. */
  readonly dead: number
  /**
   * Milliseconds since the oldest waiting, running or queued entry was added; 0 when there is none. Of the queued entries only the first
   * of one key counts. Low entries that wait for others do not count.
   */
  readonly oldestAgeMs: number
  readonly paused: boolean
  /** Milliseconds until the pause ends by itself, as after `delivery.limited`; undefined when it does not, and without a pause. */
  readonly resumesInMs: number | undefined
  /** Workers that sent a command within the last 30 s. A worker does so every ten seconds. */
  readonly workers: number
}

export interface InspectedStream {
  readonly space: string
  readonly name: string
  /** `queue` deletes an entry once every group finished it, `log` keeps it. */
  readonly kind: 'queue' | 'log'
  /** Entries in the stream. */
  readonly entries: number
  /**
   * Entries added since the stream exists; of a stream whose groups have had no worker, the entries that it has. Undefined where Redis does not know
   * it, such as after a reset of the group.
   */
  readonly added: number | undefined
  readonly seenAtMs: number
  /** Whether its entries have tags, by which `tagged` of the opened stream finds them. */
  readonly tagged: boolean
  readonly groups: readonly InspectedGroup[]
}

export interface InspectedLimiter {
  readonly space: string
  readonly name: string
  readonly seenAtMs: number
  /** Its rules; empty when the registered ones cannot be read. */
  readonly rules: readonly (LimiterRuleInfo & {
    readonly shadow: boolean
    readonly per: string | undefined
  })[]
  /** The parts of a subject that is an object; empty when subjects are texts. */
  readonly parts: readonly string[]
}

/** A group that needs attention. */
export interface InspectedAttention extends InspectedGroup {
  readonly stream: string
}

export interface InspectTotalsOptions {
  /** How old a shared answer may be: from 1 s. Default: 10 s. */
  readonly maxAge?: Duration | undefined
}

/** Sums over a space. */
export interface InspectedTotals {
  readonly space: string
  /** How many objects of each feature are registered. */
  readonly objects: Readonly<Partial<Record<InspectFeature, number>>>
  readonly waiting: number
  readonly running: number
  readonly delayed: number
  readonly queued: number
  readonly dead: number
  /** Of all groups, in milliseconds. */
  readonly oldestAgeMs: number
  /**
   * Entries added to streams, and finished by groups, per second, since the answer before. Undefined in the first answer of an inspector. Streams
   * whose `added` is not known do not count. Purged dead letters count as finished.
   */
  readonly addedPerSecond: number | undefined
  readonly finishedPerSecond: number | undefined
  readonly pausedGroups: number
  /** Groups with waiting entries, no pause and no worker. */
  readonly unservedGroups: number
  /** The groups whose state is not `ok`, in the order of their streams; at most 1,000. */
  readonly attention: readonly InspectedAttention[]
}

/** A check of the server: settings, memory, writes to disk, role and clock. */
export interface InspectedCheck {
  /** `version`, `eviction`, `persistence`, `memory`, `evicted`, `saving`, `role` or `clock`: see docs/on-call.md. */
  readonly check: string
  readonly status: 'ok' | 'warning' | 'problem'
  readonly text: string
  /** What to do. */
  readonly fix?: string
}

/** The server, and what does not fit the features that are registered. */
export interface InspectedServer extends ServerInfo {
  readonly usedMemoryBytes: number
  /** Connections of all clients. */
  readonly clients: number
  /** Commands per second, as the server measured it. */
  readonly commandsPerSecond: number
  readonly uptimeMs: number
  /** Features with registered objects, sorted. */
  readonly features: readonly InspectFeature[]
  readonly checks: readonly InspectedCheck[]
}
