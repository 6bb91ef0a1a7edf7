import { disown, reportFault } from '../callbacks.ts'
import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { WorkerReturnReason } from './event-types.ts'
import type { LeasedEntry } from './leased-entry.ts'
import type {
  WorkerLimitDecision,
  WorkerLimiter,
  WorkerLimitOptions,
  WorkerLimitSubject,
} from './limit-types.ts'

export type TokenTake =
  | { readonly kind: 'allowed' }
  /** The script has set the entry aside. */
  | { readonly kind: 'aside'; readonly ms: number }
  /** The worker has to set it aside, behind the outcome of an entry of its key. */
  | { readonly kind: 'denied'; readonly ms: number }
  /** The worker does not have the entry any more. */
  | { readonly kind: 'lost' }

/**
 * Takes a token for an entry, and sets a denied entry aside, in one script. `denials` are the entries of its subject that were denied since one
 * was allowed. A call that Redis did not answer is sent again while `mayRetry`.
 */
export type TakeToken = (
  entry: LeasedEntry,
  subject: WorkerLimitSubject,
  denials: number,
  mayRetry: () => boolean,
) => Promise<TokenTake>

export interface LimitGateOptions {
  readonly limit: WorkerLimitOptions<never>
  /** For a limiter that a script of the stream can charge. Otherwise the limiter is asked, and a denied entry is set aside in a second call. */
  readonly takeToken: TakeToken | undefined
  /** Why no entry may start now. */
  readonly stopped: () => WorkerReturnReason | undefined
  /** The entry may start. */
  readonly allow: (entry: LeasedEntry) => void
  /** Sets the entry aside for that time. This uses up no attempt. */
  readonly setAside: (entry: LeasedEntry, ms: number) => void
  /** `takeToken` has set the entry aside for that time. */
  readonly wasSetAside: (entry: LeasedEntry, ms: number) => void
  /** The worker does not have the entry any more. */
  readonly gone: (entry: LeasedEntry) => void
  readonly giveBack: (entry: LeasedEntry, why: WorkerReturnReason) => void
  /** Call it when there may be room for more entries. */
  readonly roomMade: () => void
}

/** Asks a rate limiter before an entry may start. */
export interface LimitGate {
  /** Entries about which the limiter is asked. */
  readonly asking: number
  ask(entry: LeasedEntry): void
  /** The entry has ended: gives its slots back. */
  ended(entry: LeasedEntry): void
  /** Resolves when the limiter has answered for all entries. */
  answered(): Promise<void>
  stop(): void
}

/** Wait before an entry is tried again when the limiter failed, and when a slot of a concurrency rule may become free at any time. */
const FAILED_MS = 1000
const SLOT_MS = 200
/** An entry is tried again after this time at the latest, because the limiter may allow it earlier than it said, such as after `unblock`. */
const LONGEST_MS = 60_000
/** Most subjects whose denials are counted. */
const MOST_SUBJECTS = 10_000

/**
 * A denied entry is set aside until the limiter may allow it. The entries of one subject come back one after the other, at the pace of the
 * limit, not all together.
 */
export function createLimitGate(options: LimitGateOptions): LimitGate {
  const { takeToken, stopped, allow, setAside, wasSetAside, gone, giveBack, roomMade } = options
  const { limiter, subject: subjectOf } = options.limit
  const asked = new Set<Promise<void>>()
  const leases = new Map<LeasedEntry, NonNullable<WorkerLimitDecision['lease']>>()
  /** How many entries of a subject were denied since one was allowed. */
  const denied = new Map<string, number>()
  let renewing: NodeJS.Timeout | undefined

  async function decide(entry: LeasedEntry): Promise<void> {
    let subject: WorkerLimitSubject | undefined
    let decision: WorkerLimitDecision | undefined
    try {
      subject = subjectOfEntry(entry)
      if (subject !== undefined && takeToken) {
        if (!(await isAllowed(takeToken, entry, subject))) return
      } else if (subject !== undefined) decision = await limiter.take(subject)
    } catch (error) {
      reportFault('the limit of a worker failed; the entry is tried again', error)
      if (entry.stage === 'waiting') setAside(entry, FAILED_MS)
      return
    }
    const why = stopped()
    if (decision?.lease) hold(entry, decision.lease)
    if (entry.stage !== 'waiting') ended(entry)
    else if (why) giveBack(entry, why)
    else if (!decision || decision.allowed) {
      if (subject !== undefined) denied.delete(JSON.stringify(subject))
      allow(entry)
    } else setAside(entry, waitOf(JSON.stringify(subject), decision))
  }

  /** False when the script has set the entry aside, or it is lost. */
  async function isAllowed(
    take: TakeToken,
    entry: LeasedEntry,
    subject: WorkerLimitSubject,
  ): Promise<boolean> {
    const text = JSON.stringify(subject)
    const taken = await take(
      entry,
      subject,
      denied.get(text) ?? 0,
      () => entry.stage === 'waiting' && stopped() === undefined,
    )
    if (taken.kind === 'lost') gone(entry)
    else if (taken.kind !== 'allowed') {
      countDenial(text)
      ;(taken.kind === 'aside' ? wasSetAside : setAside)(entry, taken.ms)
    }
    return taken.kind === 'allowed'
  }

  /** Returns how many there were before. */
  function countDenial(subject: string): number {
    const before = denied.get(subject) ?? 0
    if (before === 0 && denied.size >= MOST_SUBJECTS) denied.delete(denied.keys().next().value as string)
    denied.set(subject, before + 1)
    return before
  }

  function subjectOfEntry({ id, json }: LeasedEntry): WorkerLimitSubject | undefined {
    let payload: unknown
    try {
      payload = JSON.parse(json ?? '')
    } catch {
      // The worker makes it a dead letter.
      return undefined
    }
    const subject: unknown = subjectOf({ id, payload: payload as never, addedAtMs: Number.parseInt(id, 10) })
    if (subject === undefined || typeof subject === 'string') return subject
    disown(subject)
    return subject as WorkerLimitSubject
  }

  function waitOf(subject: string, { rule, retryAfterMs }: WorkerLimitDecision): number {
    const before = countDenial(subject)
    const slots = limiter.rules.find(({ name }) => name === rule)?.algorithm === 'concurrency'
    const next = Math.max(1, slots ? Math.min(retryAfterMs, SLOT_MS) : retryAfterMs)
    return Math.round(Math.min(next * (before + 1), LONGEST_MS))
  }

  function hold(entry: LeasedEntry, lease: NonNullable<WorkerLimitDecision['lease']>): void {
    leases.set(entry, lease)
    renewing ??= setInterval(renewAll, lease.leaseMs / 3)
  }

  function renewAll(): void {
    // A lease that could not be renewed ends by itself; the handler goes on.
    for (const lease of leases.values()) lease.renew().catch(() => {})
  }

  function ended(entry: LeasedEntry): void {
    const lease = leases.get(entry)
    if (!lease) return
    leases.delete(entry)
    lease.release().catch(() => {})
    if (leases.size > 0) return
    clearInterval(renewing)
    renewing = undefined
  }

  return {
    get asking() {
      return asked.size
    },
    ask(entry) {
      const deciding = decide(entry).finally(() => {
        asked.delete(deciding)
        // It ended while the limiter was asked about it, and took up room until now.
        if (entry.stage === 'over') roomMade()
      })
      asked.add(deciding)
    },
    ended,
    async answered() {
      await Promise.all(asked)
    },
    stop() {
      for (const entry of leases.keys()) ended(entry)
    },
  }
}

/** The option `limit` of a worker. */
export function checkLimit(limit: WorkerLimitOptions<never> | undefined): typeof limit {
  if (limit === undefined) return undefined
  checkOptions('limit', limit, ['limiter', 'subject'])
  const { limiter, subject } = limit
  const isLimiter = typeof (limiter as Partial<WorkerLimiter> | undefined)?.take === 'function'
  if (!isLimiter || !Array.isArray(limiter.rules)) {
    throw invalid('limiter', limiter, 'give a rate limiter of createRateLimiter')
  }
  if (typeof subject !== 'function') {
    throw invalid('subject', subject, 'give a function that returns the subject of an entry')
  }
  return limit
}
