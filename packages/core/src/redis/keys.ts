import { createHash } from 'node:crypto'
import calculateSlot from 'cluster-key-slot'

/**
 * Every key that penknife makes is built here: `<keyPrefix>pk1:{<space>}:<domain>:<name>[:<part>]`.
 *
 * `pk1` is the version of the key format. The hash tag puts all of a space into one slot of a cluster; the
 * rate limiter's tag is the space and a shard, so that its subjects spread over the cluster.
 */

/** The hash tag of a call's keys, and its slot on a cluster. */
export interface Route {
  readonly tag: string
  readonly slot: number
}

/** The keys of a list that tools read: lua/space/register.lua. */
export interface RegistryKeys {
  readonly route: Route
  readonly names: string
  readonly seen: string
  readonly options: string
}

export interface Keys {
  readonly route: Route
  /** The objects of the space's features. */
  readonly registry: RegistryKeys
  /** The spaces of the server. No space has their hash tag, because no name has a slash. */
  readonly spaces: RegistryKeys
  stream(name: string): string
  /** The entries that a group must handle again at once. */
  ready(stream: string, group: string): string
  /** The entries that a group must handle from a time on: delayed ones and retries. */
  delayed(stream: string, group: string): string
  /** The entries of low priority, while others wait. */
  low(stream: string, group: string): string
  deadLetters(stream: string, group: string): string
  /** Of a stream with order by key: the places of its keys, and the entries that wait for one. */
  busyPlaces(stream: string, group: string): string
  queued(stream: string, group: string): string
  /** Outcomes and progress of entries that were added with `result`, and when they are forgotten. */
  results(stream: string, group: string): string
  resultsDue(stream: string, group: string): string
  /** The output of such an entry: what its handler wrote. */
  output(stream: string, group: string, id: string): string
  /** The prefix of the pub/sub channels of these outcomes. An entry's id is appended. */
  outcomes(stream: string, group: string): string
  /** Exists while the group is paused for all processes. */
  paused(stream: string, group: string): string
  /** The pub/sub channel of messages that make the group's workers check whether it is paused. */
  pausing(stream: string, group: string): string
  /** Exists while a process watches the stream; and the pub/sub channel of its workers' events. */
  watched(stream: string): string
  watching(stream: string): string
  /** The entry that was added with a dedup id. */
  addedId(stream: string, id: string): string
  /** The member of the delayed entry that was added last with a dedup id, see `replace` of `add`. */
  latest(stream: string, id: string): string
  /** The index of a stream's entries by their tags. */
  tags(stream: string): string
  /** The last declaration of a stream. */
  declaration(stream: string): string
  /** The schedules of a stream: a hash, and sorted sets of their next occurrences and of their ids. */
  schedules(stream: string): string
  schedulesDue(stream: string): string
  scheduleIds(stream: string): string
  /** The last batch of outcomes that a worker sent. */
  settled(stream: string, consumer: string): string
  /** The last batch of entries that a writer added. */
  written(stream: string, writer: string): string
  leaderboard(name: string): string
  /** Another key of a leaderboard: of a window, or of data beside its scores. */
  leaderboardPart(name: string, ...part: readonly string[]): string
  /** The pub/sub channel of a leaderboard's changes. */
  leaderboardLive(name: string): string
  history(notifier: string, channel: string): string
  /** The last declaration of a notifier. */
  notifierDeclaration(notifier: string): string
  /** Where new histories of a notifier's channels begin. */
  beginnings(notifier: string): string
  /** The id of the event that the first publish with this dedup id got. */
  published(notifier: string, channel: string, id: string): string
  /** The pub/sub channel of a notifier's channel. Its name includes the database, because pub/sub has no databases. */
  live(notifier: string, channel: string): string
  /** The pub/sub channel of all nudges of a notifier. */
  nudges(notifier: string): string
  /** The history of a notifier's revocations, and its pub/sub channel. */
  control(notifier: string): string
  controlLive(notifier: string): string
  /** The prefix of the pub/sub channels of a notifier's processes. A process's name is appended. */
  processes(notifier: string): string
  /** The connections of a notifier's user. */
  connections(notifier: string, user: string): string
  /** A key of the members of a notifier's channel. */
  presence(part: 'counts' | 'entries' | 'leases', name: string, channel: string): string
  /** The channels with members: key of the entries, by when the first lease ends. */
  presenceDue(name: string): string
  /** The shard for a routing key, where a subject's states are stored. */
  shard(routing: string): Route
  /** A subject's state, under a limiter or a part of one (`<name>/<part>`). */
  limit(route: Route, limiter: string, subject: string): string
  /** A sliding-log rule's charges; `rule` is `<limiter>/<rule>`. */
  limitLog(route: Route, rule: string, subject: string): string
  /** A concurrency rule's leases. */
  limitSlots(route: Route, rule: string, subject: string): string
  /** The declaration of a limiter's rules. */
  limitDeclared(limiter: string): string
  /** The rules of a limiter that have logs or leases. */
  limitRules(limiter: string): string
  /** The blocks without an end. */
  limitBlocks(limiter: string): string
  /** The most denied subjects of a minute: minutes since 1970. */
  limitDenied(limiter: string, minute: number): string
  /** A key of an object of guard/. `kind` is its type, such as `counter`. Parts are the library's own names. */
  guard(kind: string, name: string, ...part: readonly string[]): string
  /** A key of guard/ for an id that the application chose. */
  guardOf(kind: string, name: string, id: string): string
  /** A pub/sub channel of guard/. Its name includes the database. */
  guardLive(kind: string, name: string, id: string): string
  /** The first answer of a `record` with an id. */
  recorded(id: string): string
  /** The results of a worker's last commits. */
  committed(stream: string, consumer: string): string
  /** The key of guard/ for an object's part in a shard. */
  guardShard(route: Route, kind: string, name: string): string
  /** As `guardOf` and `guardLive`, in a shard. */
  guardShardOf(route: Route, kind: string, name: string, id: string): string
  guardShardLive(route: Route, kind: string, name: string, id: string): string
}

export interface KeyOptions {
  readonly keyPrefix: string
  readonly db: number
}

/** Shards of a space's rate limiters; part of key format 1. */
const SHARDS = 16

export function createKeys(space: string, { keyPrefix, db }: KeyOptions): Keys {
  const root = `${keyPrefix}pk1:`
  const base = `${root}{${space}}:`
  const shards: Route[] = Array.from({ length: SHARDS }, (_, shard) => routeOf(`${space}/${shard}`))
  const live = db === 0 ? 'live' : `live@${db}`
  const listOf = (tag: string, list: string): RegistryKeys => {
    const key = `${root}{${tag}}:${list}`
    return { route: routeOf(tag), names: `${key}:names`, seen: `${key}:seen`, options: `${key}:options` }
  }
  return {
    route: routeOf(space),
    registry: listOf(space, 'registry'),
    spaces: listOf('/', 'spaces'),
    stream: (name) => `${base}stream:${name}`,
    ready: (stream, group) => `${base}stream:${stream}:ready:${group}`,
    low: (stream, group) => `${base}stream:${stream}:low:${group}`,
    delayed: (stream, group) => `${base}stream:${stream}:delayed:${group}`,
    deadLetters: (stream, group) => `${base}stream:${stream}:dead:${group}`,
    busyPlaces: (stream, group) => `${base}stream:${stream}:busy:${group}`,
    queued: (stream, group) => `${base}stream:${stream}:queued:${group}`,
    results: (stream, group) => `${base}stream:${stream}:results:${group}`,
    resultsDue: (stream, group) => `${base}stream:${stream}:results-due:${group}`,
    output: (stream, group, id) => `${base}stream:${stream}:output:${group}:${id}`,
    outcomes: (stream, group) => `${base}stream:${stream}:results:${group}:${live}:`,
    paused: (stream, group) => `${base}stream:${stream}:paused:${group}`,
    pausing: (stream, group) => `${base}stream:${stream}:paused:${group}:${live}`,
    watched: (stream) => `${base}stream:${stream}:watched`,
    watching: (stream) => `${base}stream:${stream}:watched:${live}`,
    addedId: (stream, id) => `${base}stream:${stream}:id:${short(id)}`,
    latest: (stream, id) => `${base}stream:${stream}:latest:${short(id)}`,
    tags: (stream) => `${base}stream:${stream}:tags`,
    declaration: (stream) => `${base}stream:${stream}:declaration`,
    schedules: (stream) => `${base}stream:${stream}:schedules`,
    schedulesDue: (stream) => `${base}stream:${stream}:schedules-due`,
    scheduleIds: (stream) => `${base}stream:${stream}:schedule-ids`,
    settled: (stream, consumer) => `${base}stream:${stream}:settled:${consumer}`,
    written: (stream, writer) => `${base}stream:${stream}:written:${writer}`,
    leaderboard: (name) => `${base}board:${name}`,
    leaderboardPart: (name, ...part) => `${base}board:${name}:${part.join(':')}`,
    leaderboardLive: (name) => `${base}board:${name}:${live}`,
    history: (notifier, channel) => `${base}notify:${notifier}:${channel}`,
    notifierDeclaration: (notifier) => `${base}notify-declaration:${notifier}`,
    beginnings: (notifier) => `${base}notify-next:${notifier}`,
    published: (notifier, channel, id) => `${base}notify-id:${notifier}:${digest(`${channel}\n${id}`)}`,
    live: (notifier, channel) => `${base}notify:${notifier}:${channel}:${live}`,
    nudges: (notifier) => `${base}notify-nudges:${notifier}:${live}`,
    control: (notifier) => `${base}notify-control:${notifier}`,
    controlLive: (notifier) => `${base}notify-control:${notifier}:${live}`,
    processes: (notifier) => `${base}notify-process:${notifier}:${live}:`,
    connections: (notifier, user) => `${base}notify-connections:${notifier}:${short(user)}`,
    presence: (part, name, channel) => `${base}presence-${part}:${name}:${channel}`,
    presenceDue: (name) => `${base}presence-due:${name}`,
    shard: (routing) => shards[hash(routing) % SHARDS] as Route,
    limit: ({ tag }, limiter, subject) => `${root}{${tag}}:limit:${limiter}:${short(subject)}`,
    limitLog: ({ tag }, rule, subject) => `${root}{${tag}}:limit-log:${rule}:${short(subject)}`,
    limitDeclared: (limiter) => `${base}limit-declared:${limiter}`,
    limitBlocks: (limiter) => `${base}limit-blocks:${limiter}`,
    limitRules: (limiter) => `${base}limit-rules:${limiter}`,
    limitDenied: (limiter, minute) => `${base}limit-denied:${limiter}:${minute}`,
    guard: (kind, name, ...part) => `${base}${[kind, name, ...part].join(':')}`,
    guardOf: (kind, name, id) => `${base}${kind}:${name}:${short(id)}`,
    guardLive: (kind, name, id) => `${base}${kind}:${name}:${short(id)}:${live}`,
    recorded: (id) => `${base}record:${short(id)}`,
    committed: (stream, consumer) => `${base}stream:${stream}:committed:${consumer}`,
    guardShard: ({ tag }, kind, name) => `${root}{${tag}}:${kind}:${name}`,
    guardShardOf: ({ tag }, kind, name, id) => `${root}{${tag}}:${kind}:${name}:${short(id)}`,
    guardShardLive: ({ tag }, kind, name, id) => `${root}{${tag}}:${kind}:${name}:${short(id)}:${live}`,
    limitSlots: ({ tag }, rule, subject) => `${root}{${tag}}:limit-slots:${rule}:${short(subject)}`,
  }
}

/** FNV-1a over the text's code units; part of key format 1. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value >>> 0
}

function routeOf(tag: string): Route {
  return { tag, slot: calculateSlot(`{${tag}}`) }
}

/** A subject up to this length is part of its key as it is. A longer one is hashed, to bound memory. */
const LONGEST_SUBJECT = 64

function short(subject: string): string {
  // A subject that looks like a hash is hashed too; otherwise it could name another subject's state.
  return subject.length <= LONGEST_SUBJECT && !subject.startsWith('#') ? subject : digest(subject)
}

/** A short text as it is, a longer one as its hash, which bounds the memory of ids. */
export { short as shortened }

/** The SHA-256 hash of a text, as text that is safe in keys. */
export function digest(text: string): string {
  return `#${createHash('sha256').update(text).digest('base64url')}`
}
