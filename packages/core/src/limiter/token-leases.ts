import { durationMs } from '../duration.ts'
import { detached } from '../detached.ts'
import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import type { MovedTime } from '../redis/moved-time.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { OnDecision } from './context.ts'
import type { Taken } from './correction.ts'
import type { LimiterDecision } from './decision-types.ts'
import { LeasedTokens } from './leased-tokens.ts'
import type { Plan } from './plan.ts'
import type { LimiterSubject, LimiterTokenLeaseOptions, RateLimiter } from './types.ts'

/** Decisions by tokens that this process charged in advance. */
export interface TokenLeases {
  /** The decision from leased tokens; undefined when there are not enough. */
  now(text: string, cost: number): LimiterDecision | undefined
  /** Leases tokens, or asks Redis for this call alone where it has none to spare. Shared by the calls of a subject that wait. */
  take(subject: LimiterSubject, text: string, cost: number): Promise<LimiterDecision>
  /** Uses the leased tokens of a subject, or of all, no more. */
  forget(text?: string): void
}

export interface TokenLeasesContext {
  readonly plan: Plan
  readonly movedTime: Pick<MovedTime, 'count'>
  readonly onCloseWaiting: Runtime['onCloseWaiting']
  /** Charges the tokens of a lease. */
  readonly lease: (subject: LimiterSubject, cost: number) => Promise<Taken>
  readonly onDecision: OnDecision
  /** Asks Redis for one call. */
  readonly takeOne: (subject: LimiterSubject, cost: number) => Promise<LimiterDecision>
}

interface Waiter {
  readonly cost: number
  readonly resolve: (decision: LimiterDecision | PromiseLike<LimiterDecision>) => void
  readonly reject: (error: unknown) => void
}

/** What this process has of a subject. */
interface Account {
  readonly subject: LimiterSubject
  /** Calls that wait for the lease that was asked for; undefined while none is. */
  asking: Waiter[] | undefined
  tokens: LeasedTokens | undefined
  /** Until then each call asks on its own: Redis had too few tokens for a lease, or most of the last one was not used. */
  aloneUntil: number
  /** When it is looked at next. */
  checkAt: number
}

/** The most accounts that a step of the clean-up ends. */
const SWEEP = 500

export function createTokenLeases(
  options: LimiterTokenLeaseOptions,
  { plan, movedTime, onCloseWaiting, lease, takeOne, onDecision }: TokenLeasesContext,
): TokenLeases {
  checkOptions('lease', options, ['tokens', 'idle', 'subjects'])
  const tokens = wholeNumber('lease.tokens', options.tokens, 2, plan.most)
  const idleMs = durationMs('lease.idle', options.idle ?? '1s', { min: 10, max: 3_600_000 })
  const most = wholeNumber('lease.subjects', options.subjects ?? 100_000, 1, 10_000_000)
  for (const { name, algorithm } of plan.rules) {
    if (algorithm === 'gcra' || algorithm === 'fixed-window') continue
    throw invalid(
      'lease',
      `rule '${name}'`,
      `${algorithm} counts calls when they happen; lease tokens of gcra and fixed-window rules`,
    )
  }
  const drains = plan.rules.map(({ algorithm, limit, windowMs }) =>
    algorithm === 'gcra' ? limit / (windowMs ?? Infinity) : 0,
  )
  const terms = { msPerToken: 1 / Math.max(...drains), idleMs }
  /** In the order in which they are to be looked at. */
  const accounts = new Map<string, Account>()
  let timer: NodeJS.Timeout | undefined
  /** Only while there are accounts, because penknife keeps what it has to end. */
  let unregister: (() => void) | undefined
  let moves = movedTime.count

  function checkLater(text: string, account: Account): void {
    account.checkAt = performance.now() + idleMs
    accounts.delete(text)
    accounts.set(text, account)
    timer ??= detached(() => setTimeout(sweep, idleMs).unref())
    unregister ??= onCloseWaiting(end)
  }

  /** Gives back all that was not used. */
  async function end(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const now = performance.now()
    const all = [...accounts.values()]
    accounts.clear()
    await Promise.all(all.map(async (account) => giveBack(account, now)))
  }

  function sweep(): void {
    timer = undefined
    const now = performance.now()
    let looked = 0
    for (const [text, account] of accounts) {
      if (account.checkAt > now || ++looked > SWEEP) {
        timer = setTimeout(sweep, Math.max(1, Math.ceil(account.checkAt - now))).unref()
        return
      }
      if (account.asking) checkLater(text, account)
      else {
        accounts.delete(text)
        void giveBack(account, now)
      }
    }
    unregister?.()
    unregister = undefined
  }

  /** Tokens that cannot be given back come back with time. */
  function giveBack(account: Account, now: number): Promise<unknown> | undefined {
    const given = account.tokens?.giveBack(now)?.catch(() => {})
    account.tokens = undefined
    return given
  }

  /** Undefined: the call asks on its own. */
  function accountOf(subject: LimiterSubject, text: string): Account | undefined {
    const known = accounts.get(text)
    if (known || accounts.size >= most) return known
    const account = { subject, asking: undefined, tokens: undefined, aloneUntil: 0, checkAt: 0 }
    checkLater(text, account)
    // A subject that calls once needs no lease.
    return undefined
  }

  function asksAlone(account: Account): boolean {
    const now = performance.now()
    if (account.tokens?.poor) {
      account.aloneUntil = now + idleMs
      void giveBack(account, now)
    }
    return account.aloneUntil > now
  }

  function serveAlone({ subject }: Account, waiters: readonly Waiter[]): void {
    for (const { cost, resolve } of waiters) resolve(takeOne(subject, cost))
  }

  /** The first call got its tokens with the lease. The others follow in order, and a further lease serves those that it cannot. */
  function serve(
    text: string,
    account: Account,
    leased: LeasedTokens,
    [first, ...others]: readonly [Waiter, ...Waiter[]],
  ): void {
    const now = performance.now()
    resolveBy(text, account, first, leased.decision())
    for (const [at, waiter] of others.entries()) {
      const decision = leased.take(waiter.cost, now)
      if (decision === undefined) {
        ask(text, account, [waiter, ...others.slice(at + 1)])
        return
      }
      resolveBy(text, account, waiter, decision)
    }
  }

  function resolveBy(
    text: string,
    { subject }: Account,
    { resolve }: Waiter,
    decision: LimiterDecision,
  ): void {
    onDecision(subject, decision, text)
    resolve(decision)
  }

  function ask(text: string, account: Account, waiters: [Waiter, ...Waiter[]]): void {
    const since = performance.now()
    const busyUntil = account.tokens?.busyUntil ?? 0
    void giveBack(account, since)
    account.asking = waiters
    const [{ cost: first }] = waiters
    lease(account.subject, tokens).then(
      ({ decision, correct }) => {
        account.asking = undefined
        if (decision.allowed && correct && decision.decidedBy === 'redis') {
          const leased = new LeasedTokens(
            { count: tokens, first, since, busyUntil },
            terms,
            decision,
            correct,
          )
          account.tokens = leased
          if (accounts.get(text) === account) checkLater(text, account)
          serve(text, account, leased, waiters)
          // It was forgotten meanwhile. The calls that waited came before that.
          if (accounts.get(text) !== account) account.tokens = undefined
          return
        }
        correct?.(-tokens).catch(() => {})
        account.aloneUntil = performance.now() + Math.min(idleMs, decision.retryAfterMs || idleMs)
        if (decision.decidedBy === 'policy') {
          for (const waiter of waiters) resolveBy(text, account, waiter, decision)
        } else serveAlone(account, waiters)
      },
      (error: unknown) => {
        account.asking = undefined
        for (const { reject } of waiters) reject(error)
      },
    )
  }

  function forget(text?: string): void {
    if (text === undefined) accounts.clear()
    else accounts.delete(text)
  }

  return {
    now(text, cost) {
      const found = accounts.get(text)?.tokens
      if (found === undefined) return undefined
      if (moves !== movedTime.count) {
        moves = movedTime.count
        forget()
        return undefined
      }
      return found.take(cost, performance.now())
    },
    take(subject, text, cost) {
      const account = cost > 0 && cost <= tokens ? accountOf(subject, text) : undefined
      if (account === undefined) return takeOne(subject, cost)
      return new Promise((resolve, reject) => {
        const waiter = { cost, resolve, reject }
        if (account.asking) account.asking.push(waiter)
        else if (asksAlone(account)) resolve(takeOne(subject, cost))
        else ask(text, account, [waiter])
      })
    },
    forget,
  }
}

type Changes = Pick<RateLimiter, 'set' | 'block' | 'reset'>

/** Controls that end the leased tokens of the subjects that they change. They are not given back, because Redis' count is another one then. */
export function forgetting<Controls extends Changes>(
  leases: TokenLeases | undefined,
  controls: Controls,
): Controls {
  if (leases === undefined) return controls
  function ending<Rest extends readonly unknown[], Result>(
    change: (subject: LimiterSubject, ...rest: Rest) => Promise<Result>,
  ): (subject: LimiterSubject, ...rest: Rest) => Promise<Result> {
    return async (subject, ...rest) => {
      // A part can belong to many subjects.
      const end = (): void => leases?.forget(typeof subject === 'string' ? subject : undefined)
      end()
      return change(subject, ...rest).finally(end)
    }
  }
  const { set, block, reset } = controls
  return { ...controls, set: ending(set), block: ending(block), reset: ending(reset) }
}
