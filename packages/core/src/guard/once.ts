import { randomBytes } from 'node:crypto'

import { durationMs } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { createTopic } from '../events.ts'
import { toJson } from '../json.ts'
import { checkName, checkOptions, checkSignal, checkText } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { guardClaim, guardComplete, guardForget } from '../redis/scripts.gen.ts'
import { cut, errorText } from '../text.ts'
import { claimOrWait, completeClaim } from './claiming.ts'
import type { Once, OnceAnswer, OnceEvent, OnceOptions, OnceRun, OnceRunOptions } from './dedup-types.ts'
import { createKeeper, type KeptLease } from './keeper.ts'

const HOUR_MS = 3_600_000
const LONGEST_ID = 512
const LARGEST_RESULT = 65_536
const LONGEST_MESSAGE = 1000

interface Claim {
  readonly id: string
  readonly key: string
  readonly live: string
  readonly token: string
}

/**
 * Creates an object that runs a body once for each id, over all processes.
 *
 * Each id has a key of about 165 bytes beside its result, with a TTL: a minute longer than `lease` while the body runs, then `window`.
 *
 * @throws PENKNIFE_INVALID for a wrong name or option; its methods for a wrong argument.
 */
export function createOnce(space: Space, name: string, options: OnceOptions): Once {
  checkName('once name', name)
  checkOptions('createOnce', options, ['window', 'lease', 'maxRun', 'forgetOnFailure', 'wait'])
  const windowMs = options.window === 0 ? 0 : Math.ceil(durationMs('window', options.window, { min: 1000 }))
  const leaseMs = Math.ceil(durationMs('lease', options.lease ?? '30s', { min: 1000, max: HOUR_MS }))
  const mostMs = durationMs('maxRun', options.maxRun ?? '15m', { min: leaseMs, max: 24 * HOUR_MS })
  const waitMs = waitOf(options.wait ?? '30s')
  const { forgetOnFailure = true } = options
  if (typeof forgetOnFailure !== 'boolean')
    throw invalid('forgetOnFailure', forgetOnFailure, 'give true or false')
  const runtime = runtimeOf(space)
  const { keys, bind } = runtime
  const { route } = keys
  const title = `once '${name}' of space '${space.name}'`
  runtime.use('once', name, options)
  const topic = createTopic<OnceEvent>('penknife:once')
  const claim = bind(guardClaim, [leaseMs], undefined, title)
  const complete = bind(guardComplete, [windowMs], undefined, title)
  const forget = bind(guardForget, [], undefined, title)
  const keeper = createKeeper<Claim>(runtime, {
    leaseMs,
    mostMs,
    title,
    renew: async ({ key, token }) => (await claim(route, key, token, 1)) === 'c',
    release: letGo,
    onLost: ({ id }, error) => topic.emit({ kind: 'lost', space: space.name, name, id, error }),
  })
  const prefix = randomBytes(9).toString('base64url')
  let tokens = 0

  /** Ends a claim without a result, so that another caller may run the body. */
  function letGo({ key, live, token }: Claim): Promise<number> {
    return complete(route, key, live, token, 'n', '')
  }

  /** Asks for the claim. When that fails, the body has not run. */
  async function ask(ids: Claim): Promise<string> {
    try {
      return await claim(route, ids.key, ids.token, 0)
    } catch (error) {
      if (!(error instanceof PenknifeError) || error.fate !== 'unknown') throw error
      // The call may have claimed the id: others need not wait for the end of its lease.
      letGo(ids).catch(() => {})
      throw new PenknifeError(error.code, `${error.message}; the body did not run`, { cause: error })
    }
  }

  /** The answer in a record or a message. */
  function known<Result>(text: string, first: boolean): OnceAnswer<Result> {
    const rest = text.slice(1)
    if (text.startsWith('f')) return { status: 'failed', message: rest }
    if (!text.startsWith('d')) throw badReply(title, `'${cut(text, 60)}' is no state of a run`)
    try {
      return { status: 'done', first, result: (rest === '' ? undefined : JSON.parse(rest)) as never }
    } catch (error) {
      throw badReply(title, errorText(error), error)
    }
  }

  async function run<Result>(
    id: string,
    body: (run: OnceRun) => Result | Promise<Result>,
    { wait, signal }: OnceRunOptions,
  ): Promise<OnceAnswer<Result>> {
    const ids: Claim = {
      id,
      key: keys.guardOf('once', name, id),
      live: keys.guardLive('once', name, id),
      token: prefix + (tokens++).toString(36),
    }
    const { text, sentAt } = await claimOrWait(runtime, {
      route,
      live: ids.live,
      claim: () => ask(ids),
      waitMs: wait === undefined ? waitMs : waitOf(wait),
      signal,
    })
    if (text === 'c') return runBody(body, keeper.keep(ids, sentAt))
    return text.startsWith('w') ? { status: 'running' } : known<Result>(text, false)
  }

  /** The error of a run whose body has ended: whatever failed after it, the body may have done its work. */
  function bodyRan(error: unknown, what: string): unknown {
    if (!(error instanceof PenknifeError)) return error
    const { code, option, message } = error
    return new PenknifeError(code, `${title}: the body ran, and may run again: ${what}: ${message}`, {
      cause: error,
      fate: 'unknown',
      ...(option === undefined ? {} : { option }),
    })
  }

  /** Stores a result; false when another caller took over. */
  async function store(lease: KeptLease<Claim>, text: string): Promise<boolean> {
    const { key, live, token } = lease.of
    const completing = completeClaim({
      complete: async () => (await complete(route, key, live, token, 'd', text)) === 1,
      claim: () => claim(route, key, token, 0),
      stored: `d${text}`,
      leftMs: () => lease.leftMs,
    })
    return completing.catch((error: unknown) => {
      throw bodyRan(error, 'its result could not be stored')
    })
  }

  async function runBody<Result>(
    body: (run: OnceRun) => Result | Promise<Result>,
    lease: KeptLease<Claim>,
  ): Promise<OnceAnswer<Result>> {
    const { id, key, live, token } = lease.of
    let text: string
    let ran = false
    try {
      const ofBody: OnceRun = {
        id,
        get signal() {
          return lease.signal
        },
      }
      const result = await body(ofBody)
      ran = true
      text = result === undefined ? '' : toJson('result', result, LARGEST_RESULT)
    } catch (error) {
      keeper.end(lease)
      // The error matters more than a failure to store it: the claim then ends with its lease.
      const kind = forgetOnFailure || lease.lost ? 'n' : 'f'
      await complete(route, key, live, token, kind, cut(errorText(error), LONGEST_MESSAGE)).catch(() => {})
      throw ran ? bodyRan(error, 'its result cannot be stored') : error
    }
    // Also with a lost lease: while nobody took over, the result can be stored.
    const stored = await store(lease, text).finally(() => keeper.end(lease))
    if (stored) return known<Result>(`d${text}`, true)
    throw (
      lease.lost ??
      new PenknifeError('PENKNIFE_LEASE_LOST', `${title}: another caller took over '${cut(id, 80)}'`, {
        fate: 'unknown',
      })
    )
  }

  return {
    name,
    async run(id, body, given = {}) {
      checkText('id', id, LONGEST_ID)
      if (typeof body !== 'function') throw invalid('body', body, 'give a function')
      checkOptions('run', given, ['wait', 'signal'])
      checkSignal(given.signal)
      return run(id, body, given)
    },
    async forget(id) {
      checkText('id', id, LONGEST_ID)
      return (await forget(route, keys.guardOf('once', name, id))) === 1
    },
    on: (listener) => topic.on(listener),
  }
}

function waitOf(wait: Exclude<OnceOptions['wait'], undefined>): number {
  return durationMs('wait', wait, { min: 0, max: HOUR_MS })
}
