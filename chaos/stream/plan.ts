import { randomOf } from '../harness/random.ts'
import type { Sabotage } from '../harness/sabotage.ts'

/** The planned course of an entry. Every process computes it from the seed and the entry's number. */
export interface Intent {
  readonly manner: Manner
  /** Attempts that fail, for `flaky`. */
  readonly failures: number
  /** Delay given to `add`; 0 for none. */
  readonly delayMs: number
  /** Added with a dedup id, again until it is confirmed, and sometimes once more. */
  readonly keyed: boolean
  /** In a stream with priorities. */
  readonly priority: 'high' | 'normal' | 'low'
}

export type Manner =
  | 'plain'
  /** Fails its first attempts. */
  | 'flaky'
  /** Fails every attempt. */
  | 'poison'
  /** Its handler throws NeverRetryError. */
  | 'never'
  /** The schema of the workers refuses it. */
  | 'invalid'
  /** Takes longer than a lease. */
  | 'slow'
  /** Its first attempt ends only by the worker's timeout. */
  | 'hanging'

export function intentOf(seed: number, n: number): Intent {
  const random = randomOf(seed, n)
  const manner = mannerOf(random.next())
  return {
    manner,
    failures: manner === 'flaky' ? random.int(1, 3) : 0,
    keyed: random.next() < 0.5,
    delayMs: random.next() < 0.05 ? random.int(20, 2000) : 0,
    priority: priorityOf(random.next()),
  }
}

function priorityOf(at: number): Intent['priority'] {
  if (at < 0.5) return 'low'
  return at < 0.7 ? 'high' : 'normal'
}

function mannerOf(at: number): Manner {
  if (at < 0.01) return 'poison'
  if (at < 0.013) return 'never'
  if (at < 0.016) return 'invalid'
  if (at < 0.019) return 'slow'
  if (at < 0.02) return 'hanging'
  return at < 0.06 ? 'flaky' : 'plain'
}

export interface Payload {
  readonly n: number
  /** A text computed from `n`, to check that the payload arrives unchanged. */
  readonly check: string
  readonly invalid?: true
}

export function payloadOf(seed: number, n: number): Payload {
  return {
    n,
    check: checkOf(seed, n),
    ...(intentOf(seed, n).manner === 'invalid' ? { invalid: true as const } : {}),
  }
}

export function checkOf(seed: number, n: number): string {
  const random = randomOf(~seed, n)
  return Array.from({ length: random.int(1, 8) }, () => random.int(0, 2 ** 31).toString(36)).join('-')
}

export interface StreamPlan {
  readonly name: string
  readonly groups: readonly string[]
  /** Only for an event log: entries to keep after every group finished them. */
  readonly retain?: number
  /** Entries of a key are handled in order. */
  readonly ordered?: true
  /** Its entries have priorities. */
  readonly priorities?: true
}

/** A work queue of two groups, one with order by key, one with priorities, and an event log whose entries are trimmed as soon as its group allows. */
export const STREAMS: readonly StreamPlan[] = [
  { name: 'orders', groups: ['billing', 'mail'] },
  { name: 'audit', groups: ['index'], retain: 200 },
  { name: 'accounts', groups: ['apply'], ordered: true },
  { name: 'letters', groups: ['send'], priorities: true },
]

/** Every fourth entry goes into each. */
export function streamOf(n: number): StreamPlan {
  return STREAMS[([0, 3, 2, 1] as const)[n % 4] as number] as StreamPlan
}

/** The key of an entry of a stream with order by key. */
export function keyOf(n: number): string {
  return `key ${Math.floor(n / 4) % 40}`
}

export const SPACE = 'chaos'

export interface WorkerSettings {
  readonly leaseMs: number
  readonly maxAttempts: number
  readonly timeoutMs: number
  readonly concurrency: number
}

export interface Life {
  readonly folder: string
  readonly life: string
  readonly url: string
  readonly seed: number
  readonly sabotage: readonly Sabotage[]
}

export interface ProducerConfig {
  readonly entries: number
  /** Its share: the numbers with this remainder modulo `producers`. */
  readonly nth: number
  readonly producers: number
  readonly perSecond: number
}

/** What one process does for a group. */
export interface WorkerRole {
  readonly stream: string
  readonly group: string
  readonly batch: boolean
  /** Whether it has several workers, which share connections. */
  readonly shared: boolean
}

export interface WorkerConfig {
  readonly roles: readonly WorkerRole[]
  readonly settings: WorkerSettings
  /** Adds of all producers, from which limits follow. */
  readonly perSecond: number
}
