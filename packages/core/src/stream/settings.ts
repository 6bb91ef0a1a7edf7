import { disown, reportFault } from '../callbacks.ts'
import { type Duration, durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import type { Safety } from '../redis/durable.ts'
import { checkWorkerConnection, type WorkerConnection } from '../redis/penknife.ts'
import { checkSchema, type StandardSchema } from '../standard-schema.ts'
import { checkLimit } from './limit-gate.ts'
import type { WorkerLimitOptions } from './limit-types.ts'
import { type Order, orderOf } from './order.ts'
import type { StreamRetention, StreamOptions } from './option-types.ts'
import type { WorkerBatchOptions } from './worker-types.ts'
import { retryAfterOf } from './retry-after.ts'
import { type Tagging, taggingOf } from './tags.ts'

/** The options of a stream, checked. */
export interface StreamSettings<T, Out> {
  readonly groups: readonly string[]
  /** Argument of the scripts: the groups of a work queue, '-' for an event log. */
  readonly declared: string
  /** Argument of lua/_lib/stream/append.lua. With `firstLimits`, used by the first adds of a process, it also creates the groups. */
  readonly limits: string
  readonly firstLimits: string
  /** The declaration as text. It is compared with the stored one, and shown when they differ. */
  readonly text: string
  readonly limited: boolean
  /** What an add waits for before it resolves. */
  readonly safety: Safety | undefined
  /** Undefined: entries have no keys. */
  readonly order: Order | undefined
  /** The dead letters that a group keeps, as lua/_lib/stream/keep_dead.lua takes it. */
  readonly keepDead: string
  readonly schema: StandardSchema<T, Out> | undefined
  /** How long dedup ids are remembered. */
  readonly dedupMs: number
  /** Whether an id is free when its entry ends. */
  readonly untilFinished: boolean
  readonly traceparent: (() => string | undefined) | undefined
  /** Undefined: entries have no tags. */
  readonly tagging: Tagging | undefined
}

const KEEP = 10_000
const WEEK_MS = 604_800_000
const HUGE = 1_000_000_000_000

export function streamSettings<T, Out>(options: StreamOptions<T, Out>): StreamSettings<T, Out> {
  checkOptions('createStream', options, [
    'groups',
    'retain',
    'maxBacklog',
    'schema',
    'traceparent',
    'durability',
    'replicas',
    'dedup',
    'order',
    'deadLetters',
    'tags',
    'tagged',
  ])
  const { schema, traceparent, dedup = {} } = options
  const groups = checkGroups(options.groups ?? [])
  const queue = groups.length > 0 && options.retain === undefined
  const backlog =
    options.maxBacklog === undefined ? 0 : wholeNumber('maxBacklog', options.maxBacklog, 1, HUGE)
  if (schema !== undefined) checkSchema('schema', schema)
  checkOptions('dedup', dedup, ['window', 'until'])
  const untilFinished = dedup.until !== undefined
  if (untilFinished && (dedup.until as string) !== 'finished') {
    throw invalid('until', dedup.until, "give 'finished', or leave it out")
  }
  if (untilFinished && (!queue || groups.length !== 1)) {
    throw invalid(
      'until',
      dedup.until,
      "it needs a work queue with one group, such as { groups: ['billing'] }",
    )
  }
  if (traceparent !== undefined && typeof traceparent !== 'function') {
    throw invalid('traceparent', traceparent, 'give a function that returns the traceparent')
  }
  const order = orderOf(options.order, groups, queue)
  const keepDead = deadLetterLimits(options.deadLetters)
  const tagging = taggingOf(options)
  const limits = `${queue ? 1 + (order?.places ?? 0) : 0} ${backlog} ${queue ? '0 0 0 0' : retention(options.retain)}`
  const names = groups.join(' ') + (tagging ? `;${tagging.limits}` : '')
  return {
    groups,
    declared: queue ? groups.join(' ') : '-',
    limits: `${limits} 0 ${names}`,
    firstLimits: `${limits} 1 ${names}`,
    text:
      textOf(queue, groups, limits, order) + (keepDead === ALL_DEAD ? '' : `, dead letters ${keepDead} ms`),
    keepDead,
    order,
    limited: backlog > 0,
    safety: safetyOf(options),
    schema,
    dedupMs: wholeMs('window', dedup.window ?? (untilFinished ? WEEK_MS : 3_600_000), 1),
    untilFinished,
    traceparent,
    tagging,
  }
}

/** The options that a tool needs to open the stream. Without those of adds, and without functions. */
export function registeredOf<T, Out>({
  groups,
  retain,
  order,
  maxBacklog,
  deadLetters,
  tags,
  tagged = {},
}: StreamOptions<T, Out>): object {
  return { groups, retain, order, maxBacklog, deadLetters, tagged: tags && tagged }
}

function safetyOf({
  durability,
  replicas,
}: Pick<StreamOptions, 'durability' | 'replicas'>): Safety | undefined {
  if (durability === undefined) {
    if (replicas === undefined) return undefined
    throw invalid('replicas', replicas, "give 'durability' as well: 'replicated' or 'fsynced'")
  }
  if (durability !== 'replicated' && durability !== 'fsynced') {
    throw invalid('durability', durability, "give 'replicated' or 'fsynced', or leave it out")
  }
  const fsynced = durability === 'fsynced'
  return { fsynced, replicas: wholeNumber('replicas', replicas ?? (fsynced ? 0 : 1), fsynced ? 0 : 1, 100) }
}

/** Such as `event log, groups search, retain entries 1000`. */
function textOf(queue: boolean, groups: readonly string[], limits: string, order: Order | undefined): string {
  const [, backlog, entries, bytes, age, lossy] = limits.split(' ').map(Number)
  const kept = [
    entries && `entries ${entries}`,
    bytes && `bytes ${bytes}`,
    age && `age ${age} ms`,
    lossy && 'lossy',
  ].filter(Boolean)
  return [
    queue ? 'work queue' : 'event log',
    `groups ${groups.length > 0 ? groups.join(' ') : 'none'}`,
    ...(backlog ? [`maxBacklog ${backlog}`] : []),
    ...(order
      ? [`order by ${order.field ?? 'key'}, ${order.places} at once${order.stops ? ', stops' : ''}`]
      : []),
    ...(kept.length > 0 ? [`retain ${kept.join(' ')}`] : []),
  ].join(', ')
}

function checkGroups(groups: readonly string[]): readonly string[] {
  if (!Array.isArray(groups)) throw invalid('groups', groups, "give a list of names, such as ['billing']")
  return [...new Set(Array.from(groups as readonly string[], (group) => checkName('group', group)))]
}

const ALL_DEAD = '0 0'

function deadLetterLimits(limits: StreamOptions['deadLetters']): string {
  if (limits === undefined) return ALL_DEAD
  checkOptions('deadLetters', limits, ['entries', 'age'])
  const { entries, age } = limits
  if (entries === undefined && age === undefined) {
    throw invalid('deadLetters', limits, "give a limit: { entries: 1000 } or { age: '30d' }")
  }
  return [
    entries === undefined ? 0 : wholeNumber('entries', entries, 1, HUGE),
    age === undefined ? 0 : wholeMs('age', age, 1000),
  ].join(' ')
}

function retention(retain: StreamRetention = { entries: KEEP }): string {
  checkOptions('retain', retain, ['entries', 'bytes', 'age', 'lossy'])
  const { entries, bytes, age, lossy = false } = retain
  if (entries === undefined && bytes === undefined && age === undefined) {
    throw invalid('retain', retain, "give a limit: { entries: 10_000 }, { age: '7d' } or { bytes: 1e9 }")
  }
  if (typeof lossy !== 'boolean') throw invalid('lossy', lossy, 'give true or false')
  return [
    entries === undefined ? 0 : wholeNumber('entries', entries, 1, HUGE),
    bytes === undefined ? 0 : wholeNumber('bytes', bytes, 4096, HUGE),
    age === undefined ? 0 : wholeMs('age', age, 1),
    lossy ? 1 : 0,
  ].join(' ')
}

const USUAL_TIMEOUT_MS = 30 * 60_000
/** The longest time of a timer of Node. */
export const LONGEST_TIMEOUT_MS: number = 2 ** 31 - 1

/** The options of a worker, checked. */
export interface WorkerSettings {
  readonly concurrency: number
  readonly leaseMs: number
  readonly timeoutMs: number | undefined
  readonly maxAttempts: number
  /**
   * The wait before the next attempt after `attempt` failed with that error; false when there must be none. Never throws. `firstMs` is
   * the entry's own wait before its second attempt.
   */
  readonly backoffMs: (attempt: number, error: unknown, firstMs?: number) => number | false
  /** The id after which a group begins that does not exist yet. */
  readonly from: string
  /** Most entries of one call of the handler. */
  readonly batch: number
  /** Whether it is a `batchWorker`. */
  readonly batched: boolean
  readonly limit: WorkerLimitOptions<never> | undefined
  /** Undefined: that of penknife. */
  readonly connection: WorkerConnection | undefined
}

const WORKER = [
  'concurrency',
  'lease',
  'timeout',
  'limit',
  'retryDelay',
  'maxRetryDelay',
  'retryJitter',
  'maxAttempts',
  'retry',
  'from',
  'connection',
]

const LONGEST_WAIT_MS = 366 * 86_400_000

export function workerSettings(options: WorkerBatchOptions<never>, batched: boolean): WorkerSettings {
  checkOptions('worker', options, batched ? [...WORKER, 'batch'] : WORKER)
  const first = wholeMs('retryDelay', options.retryDelay ?? 1000, 0)
  const longest = wholeMs('maxRetryDelay', options.maxRetryDelay ?? Math.max(first, 3_600_000), 0)
  const jitter = options.retryJitter ?? 0.2
  if (typeof jitter !== 'number' || !(jitter >= 0 && jitter <= 1)) {
    throw invalid('retryJitter', jitter, 'give a number from 0 to 1')
  }
  const { retry } = options
  if (retry !== undefined && typeof retry !== 'function') {
    throw invalid('retry', retry, 'give a function of the error and the attempt')
  }
  return {
    concurrency: checkConcurrency(options.concurrency ?? 10),
    leaseMs: wholeMs('lease', options.lease ?? 30_000, 100, 86_400_000),
    timeoutMs: checkTimeout(options.timeout ?? USUAL_TIMEOUT_MS),
    maxAttempts: checkAttempts('maxAttempts', options.maxAttempts ?? 5),
    backoffMs(attempt, error, firstMs = first) {
      const decided = retry && decide(retry, error, attempt)
      if (decided === false) return false
      const asked = decided ?? retryAfterOf(error)
      const wait = asked ?? Math.min(firstMs * 2 ** Math.min(attempt - 1, 40), Math.max(firstMs, longest))
      // What the function says is exact. A Retry-After is the soonest time, and many entries may have got the same one.
      return decided ?? Math.round(wait * (1 + Math.random() * jitter))
    },
    from: startOf(options.from ?? 'oldest'),
    limit: checkLimit(options.limit),
    connection:
      options.connection === undefined ? undefined : checkWorkerConnection('connection', options.connection),
    batched,
    batch: batched ? wholeNumber('batch', options.batch ?? 100, 1, 1000) : 1,
  }
}

/** How long an attempt may take; undefined: any time. */
export function checkTimeout(timeout: Duration | false): number | undefined {
  return timeout === false ? undefined : wholeMs('timeout', timeout, 1, LONGEST_TIMEOUT_MS)
}

export function checkAttempts(name: string, attempts: number): number {
  return wholeNumber(name, attempts, 1, 1000)
}

export function checkConcurrency(concurrency: number): number {
  return wholeNumber('concurrency', concurrency, 1, 1000)
}

/** The answer of the application's `retry`; undefined, after a report, when it fails or answers something else. */
function decide(
  retry: NonNullable<WorkerBatchOptions['retry']>,
  error: unknown,
  attempt: number,
): number | false | undefined {
  try {
    const answer: unknown = retry(error, attempt)
    if (answer === undefined || answer === false) return answer
    disown(answer)
    return wholeMs('the result of retry', answer as Duration, 0)
  } catch (failure) {
    reportFault('the retry function of a worker failed; the usual wait is used', failure)
    return undefined
  }
}

/** Redis accepts whole milliseconds only. */
export function wholeMs(name: string, value: Duration, min: number, max: number = LONGEST_WAIT_MS): number {
  return Math.round(durationMs(name, value, { min, max }))
}

function startOf(from: string): string {
  if (from === 'oldest') return '0'
  if (from === 'now') return '$'
  if (typeof from !== 'string' || !/^\d{1,16}-\d{1,19}$/.test(from)) {
    throw invalid('from', from, "give 'oldest', 'now' or the id of an entry, such as '1700000000000-0'")
  }
  return from
}
