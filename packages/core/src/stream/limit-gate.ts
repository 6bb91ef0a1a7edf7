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
import { createLimitPace, type Pace } from './limit-pace.ts'

export type TokenTake =
  | { readonly kind: 'allowed' }
  /** The script has set the entry aside. */
  | { readonly kind: 'aside'; readonly ms: number; readonly rule: string | undefined }
  /** The worker has to set it aside, behind the outcome of an entry of its key. */
  | { readonly kind: 'denied'; readonly ms: number; readonly rule: string | undefined }
  /** The worker does not have the entry any more. */
  | { readonly kind: 'lost' }

/**
 * Takes a token for an entry, and sets a denied entry aside, in one script. A call that Redis did not answer is sent again while `mayRetry`.
 * `rule` of an answer: the one that denied; undefined: a block.
 */
export type TakeToken = (
  entry: LeasedEntry,
  subject: WorkerLimitSubject,
  pace: Pace,
  mayRetry: () => boolean,
) => Promise<TokenTake>

export interface LimitGateOptions {
  /** The worker, for reports. */
  readonly title: string
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

/** Wait before an entry is tried again when the limiter failed. */
const FAILED_MS = 1000
/** Entries in a call of take_tokens.lua, which knows how many of its own were denied. */
const BATCH = 32
/** Time between two reports of failures. */
const REPORT_MS = 60_000

/** A denied entry is set aside until the limiter may allow it; see `createLimitPace`. */
export function createLimitGate(options: LimitGateOptions): LimitGate {
  const { title, takeToken, stopped, allow, setAside, wasSetAside, gone, giveBack, roomMade } = options
  const { limiter, subject: subjectOf } = options.limit
  const asked = new Set<Promise<void>>()
  const leases = new Map<LeasedEntry, NonNullable<WorkerLimitDecision['lease']>>()
  const paces = createLimitPace(limiter.rules)
  /** Calls of `takeToken` on their way, by subject. */
  const pending = new Map<string, number>()
  let reportAt = 0
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
      report(entry, error)
      if (entry.stage === 'waiting') setAside(entry, FAILED_MS)
      return
    }
    const why = stopped()
    if (decision?.lease) hold(entry, decision.lease)
    if (entry.stage !== 'waiting') ended(entry)
    else if (why) giveBack(entry, why)
    else if (!decision || decision.allowed) {
      if (subject !== undefined) paces.allowed(JSON.stringify(subject))
      allow(entry)
    } else {
      const text = JSON.stringify(subject)
      const rule = decision.blocked === undefined ? decision.rule : undefined
      const ms = paces.waitOf(text, decision.retryAfterMs, rule)
      paces.aside(text, ms, rule)
      setAside(entry, ms)
    }
  }

  /** Once a minute, because each entry of a subject that is never valid fails each second. */
  function report({ id }: LeasedEntry, error: unknown): void {
    const now = performance.now()
    if (now < reportAt) return
    reportAt = now + REPORT_MS
    reportFault(
      `the limit of ${title} failed for entry ${id}; it is tried again each second, and further failures of a minute are not reported`,
      error,
    )
  }

  /** False when the script has set the entry aside, or it is lost. */
  async function isAllowed(
    take: TakeToken,
    entry: LeasedEntry,
    subject: WorkerLimitSubject,
  ): Promise<boolean> {
    const text = JSON.stringify(subject)
    const before = pending.get(text) ?? 0
    pending.set(text, before + 1)
    const { behindMs, paceMs } = paces.of(text)
    // Those of earlier calls are not set aside yet.
    const pace = { behindMs: behindMs + paceMs * (before - (before % BATCH)), paceMs }
    let taken: TokenTake
    try {
      taken = await take(entry, subject, pace, () => entry.stage === 'waiting' && stopped() === undefined)
    } finally {
      const left = (pending.get(text) ?? 1) - 1
      if (left === 0) pending.delete(text)
      else pending.set(text, left)
    }
    if (taken.kind === 'lost') gone(entry)
    else if (taken.kind !== 'allowed') {
      paces.aside(text, taken.ms, taken.rule)
      ;(taken.kind === 'aside' ? wasSetAside : setAside)(entry, taken.ms)
    }
    return taken.kind === 'allowed'
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
