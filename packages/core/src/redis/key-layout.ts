import type { Feature } from './server.ts'

/** What the name of a key says: the inverse of `createKeys`. */
export interface DecodedKey {
  /** Empty for the list of spaces. */
  readonly space: string
  /** The feature whose objects processes register. Undefined where no object of that name is registered, such as for the fences of a space. */
  readonly feature: Feature | undefined
  /** The name of the object; empty for keys of the space itself. */
  readonly name: string
  /** The kind of key, such as `stream:dead`. */
  readonly kind: string
  /** The group of a stream that the key belongs to. */
  readonly group: string | undefined
  /** Whether a key of this kind always has a time to live. */
  readonly expires: boolean
}

/** How the rest of a key is read after `<domain>:`. */
interface Domain {
  readonly feature?: Feature
  readonly rest: RegExp
  readonly expires?: boolean
  /** The key may be in a shard of the space. */
  readonly sharded?: boolean
}

const NAME = '(?<name>[\\w.-]{1,64})'
/** The name of an object alone. */
const ALONE = new RegExp(`^${NAME}$`)
/** A name, and text that the application or its clients chose. */
const WITH_ID = new RegExp(`^${NAME}:[^]+$`)
/** A limiter with a part or a rule, and a subject. */
const OF_SUBJECT = new RegExp(`^${NAME}(?:/[\\w.-]+){0,2}:[^]+$`)
const LIST = /^(?:names|seen|options)$/

const DOMAINS: Readonly<Record<string, Domain>> = {
  limit: { feature: 'limiter', rest: OF_SUBJECT, expires: true, sharded: true },
  'limit-log': { feature: 'limiter', rest: OF_SUBJECT, expires: true, sharded: true },
  'limit-slots': { feature: 'limiter', rest: OF_SUBJECT, expires: true, sharded: true },
  'limit-declared': { feature: 'limiter', rest: ALONE, expires: true },
  'limit-rules': { feature: 'limiter', rest: ALONE, expires: true },
  'limit-denied': { feature: 'limiter', rest: new RegExp(`^${NAME}:\\d+$`), expires: true },
  'limit-blocks': { feature: 'limiter', rest: ALONE },
  notify: { feature: 'notifier', rest: WITH_ID, expires: true },
  'notify-declaration': { feature: 'notifier', rest: ALONE, expires: true },
  // A presence, which is not registered, has one too.
  'notify-next': { rest: ALONE, expires: true },
  'notify-id': { feature: 'notifier', rest: WITH_ID, expires: true },
  'notify-control': { feature: 'notifier', rest: ALONE },
  'notify-connections': { feature: 'notifier', rest: WITH_ID, expires: true },
  'presence-counts': { rest: WITH_ID, expires: true },
  'presence-entries': { rest: WITH_ID, expires: true },
  'presence-leases': { rest: WITH_ID, expires: true },
  'presence-due': { rest: ALONE, expires: true },
  'counter-id': { feature: 'counters', rest: WITH_ID, expires: true },
  seen: { feature: 'deduper', rest: ALONE, expires: true, sharded: true },
  once: { feature: 'once', rest: WITH_ID, expires: true },
  request: { feature: 'requests', rest: WITH_ID, expires: true, sharded: true },
  object: { feature: 'objects', rest: WITH_ID },
  lock: { feature: 'lock', rest: WITH_ID, expires: true },
  'lock-queue': { feature: 'lock', rest: WITH_ID, expires: true },
  permit: { feature: 'semaphore', rest: WITH_ID, expires: true },
  'permit-extra': { feature: 'semaphore', rest: WITH_ID, expires: true },
  'permit-queue': { feature: 'semaphore', rest: WITH_ID, expires: true },
  registry: { rest: LIST, expires: true },
  record: { rest: /^[^]+$/, expires: true },
}

/** The parts of a stream: of a group, with an id after it, or of the stream. */
const STREAM_PARTS: Readonly<Record<string, { readonly rest: RegExp; readonly expires?: boolean }>> = {
  ready: { rest: /^(?<group>[\w.-]+)$/ },
  low: { rest: /^(?<group>[\w.-]+)$/ },
  delayed: { rest: /^(?<group>[\w.-]+)$/ },
  dead: { rest: /^(?<group>[\w.-]+)$/ },
  busy: { rest: /^(?<group>[\w.-]+)$/ },
  queued: { rest: /^(?<group>[\w.-]+)$/ },
  results: { rest: /^(?<group>[\w.-]+)$/ },
  'results-due': { rest: /^(?<group>[\w.-]+)$/ },
  paused: { rest: /^(?<group>[\w.-]+)$/ },
  output: { rest: /^(?<group>[\w.-]+):[^]+$/, expires: true },
  id: { rest: /^[^]+$/, expires: true },
  latest: { rest: /^[^]+$/, expires: true },
  settled: { rest: /^[^]+$/, expires: true },
  written: { rest: /^[^]+$/, expires: true },
  committed: { rest: /^[^]+$/, expires: true },
  watched: { rest: /^$/, expires: true },
  declaration: { rest: /^$/ },
  tags: { rest: /^$/, expires: true },
  schedules: { rest: /^$/ },
  'schedules-due': { rest: /^$/ },
  'schedule-ids': { rest: /^$/ },
}

/** The parts of a leaderboard. */
const BOARD_PARTS: Readonly<Record<string, { readonly rest: RegExp; readonly expires?: boolean }>> = {
  window: { rest: /^[^]+$/, expires: true },
  merged: { rest: /^[^]+$/, expires: true },
  season: { rest: /^[^]+$/ },
  all: { rest: /^scores$/ },
  ids: { rest: /^$/, expires: true },
  idlog: { rest: /^$/, expires: true },
  declaration: { rest: /^$/ },
  tags: { rest: /^$/, expires: true },
  data: { rest: /^$/ },
  seasons: { rest: /^$/ },
  rewards: { rest: /^$/ },
}

const TAG = /^\{(?<space>[\w.-]{1,64})(?<shard>\/(?:\d|1[0-5]))?\}:(?<domain>[a-z-]+):(?<rest>[^]+)$/
const SPACES = /^\{\/\}:spaces:(?:names|seen|options)$/
const OBJECT = new RegExp(`^${NAME}(?::(?<part>[a-z-]+)(?::(?<rest>[^]+))?)?$`)

/**
 * Decodes the name of a key.
 *
 * @returns undefined for a name that penknife of this version does not make. It checks no value.
 */
export function decodeKey(key: string, keyPrefix: string): DecodedKey | undefined {
  const root = `${keyPrefix}pk1:`
  if (!key.startsWith(root)) return undefined
  const own = key.slice(root.length)
  if (SPACES.test(own)) return decoded('', undefined, '', 'spaces', true)
  const { space, shard, domain, rest } = groupsOf(TAG, own) ?? {}
  if (space === undefined || domain === undefined || rest === undefined) return undefined
  if (shard === undefined) {
    if (domain === 'stream') return ofParts(space, 'stream', 'stream', STREAM_PARTS, rest)
    if (domain === 'board') return ofParts(space, 'board', 'leaderboard', BOARD_PARTS, rest)
    if (domain === 'counter') return ofCounters(space, rest)
    if (domain === 'fence') return ofFence(space, rest)
  }
  const found = Object.hasOwn(DOMAINS, domain) ? DOMAINS[domain] : undefined
  if (!found || (shard !== undefined && !found.sharded)) return undefined
  const { feature, rest: pattern, expires = false } = found
  const groups = groupsOf(pattern, rest)
  return groups && decoded(space, feature, groups['name'] ?? '', domain, expires)
}

function ofParts(
  space: string,
  domain: string,
  feature: Feature,
  parts: Readonly<Record<string, { readonly rest: RegExp; readonly expires?: boolean }>>,
  text: string,
): DecodedKey | undefined {
  const { name, part, rest = '' } = groupsOf(OBJECT, text) ?? {}
  if (name === undefined) return undefined
  if (part === undefined) return decoded(space, feature, name, domain, false)
  const found = Object.hasOwn(parts, part) ? parts[part] : undefined
  const groups = found && groupsOf(found.rest, rest)
  if (!found || !groups) return undefined
  const kind = `${domain}:${part}`
  // A merged board is not registered.
  const of = kind === 'board:merged' ? undefined : feature
  return decoded(space, of, name, kind, found.expires ?? false, groups['group'])
}

/** `<name>`, with a calendar `<name>:<period>`, both with the keys of reservations, or the declaration. */
function ofCounters(space: string, rest: string): DecodedKey | undefined {
  const { name, part } =
    groupsOf(
      new RegExp(
        `^${NAME}(?::(?!expiring$|reserved$|declaration$)[\\w.-]+)?(?::(?<part>expiring|reserved|declaration))?$`,
      ),
      rest,
    ) ?? {}
  if (name === undefined) return undefined
  const kind = part === undefined ? 'counter' : `counter:${part}`
  return decoded(space, 'counters', name, kind, part === 'declaration')
}

function ofFence(space: string, rest: string): DecodedKey | undefined {
  const { part } = groupsOf(/^(?:(?<part>of|value):[^]+|last)$/, rest) ?? {}
  if (part === undefined && rest !== 'last') return undefined
  return decoded(space, undefined, '', `fence:${part ?? 'last'}`, part === 'of')
}

function decoded(
  space: string,
  feature: Feature | undefined,
  name: string,
  kind: string,
  expires: boolean,
  group?: string,
): DecodedKey {
  return { space, feature, name, kind, group, expires }
}

function groupsOf(pattern: RegExp, text: string): Readonly<Record<string, string | undefined>> | undefined {
  const found = pattern.exec(text)
  return found ? (found.groups ?? {}) : undefined
}
