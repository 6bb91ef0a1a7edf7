import { randomBytes } from 'node:crypto'

import { durationMs } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { toJson } from '../json.ts'
import { checkName, checkOptions, checkText } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { guardClaim, guardComplete, guardForget } from '../redis/scripts.gen.ts'
import { cut, errorText } from '../text.ts'
import { claimOrWait, completeClaim } from './claiming.ts'
import type { Once, OnceAnswer, OnceOptions, OnceRun, OnceRunOptions } from './dedup-types.ts'
import { createKeeper, type KeptLease } from './keeper.ts'

const HOUR_MS = 3_600_000
const LONGEST_ID = 512
const LARGEST_RESULT = 65_536
const LONGEST_MESSAGE = 1000

interface Claim {
  readonly key: string
  readonly live: string
  readonly token: string
}

/**
 * Makes what runs a body once for each id, over all processes.
 *
 * Each id has a key of about 165 bytes beside its result, with a TTL: a minute longer than `lease` while it runs, then `window`.
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
  runtime.use('once', name)
  const claim = bind(guardClaim, [leaseMs], undefined, title)
  const complete = bind(guardComplete, [windowMs], undefined, title)
  const forget = bind(guardForget, [], undefined, title)
  const keeper = createKeeper<Claim>(runtime, {
    leaseMs,
    mostMs,
    title,
    renew: async ({ key, token }) => (await claim(route, key, token, 1)) === 'c',
    release: ({ key, live, token }) => complete(route, key, live, token, 'n', ''),
  })
  const prefix = randomBytes(9).toString('base64url')
  let tokens = 0

  /** The answer in a record or a message. */
  function known<Result>(text: string, first: boolean): OnceAnswer<Result> {
    const rest = text.slice(1)
    if (text.startsWith('f')) return { status: 'failed', message: rest }
    if (!text.startsWith('d')) throw badReply(title, `'${cut(text, 60)}' says nothing of a run`)
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
      key: keys.guardOf('once', name, id),
      live: keys.guardLive('once', name, id),
      token: prefix + (tokens++).toString(36),
    }
    const { text, sentAt } = await claimOrWait(runtime, {
      route,
      live: ids.live,
      claim: () => claim(route, ids.key, ids.token, 0),
      waitMs: wait === undefined ? waitMs : waitOf(wait),
      signal,
    })
    if (text === 'c') return runBody(id, body, keeper.keep(ids, sentAt))
    return text.startsWith('w') ? { status: 'running' } : known<Result>(text, false)
  }

  /** Stores a result; false when another caller took over. */
  function keepResult(lease: KeptLease<Claim>, text: string): Promise<boolean> {
    const { key, live, token } = lease.of
    return completeClaim({
      complete: async () => (await complete(route, key, live, token, 'd', text)) === 1,
      claim: () => claim(route, key, token, 0),
      stored: `d${text}`,
      leftMs: () => lease.leftMs,
    })
  }

  async function runBody<Result>(
    id: string,
    body: (run: OnceRun) => Result | Promise<Result>,
    lease: KeptLease<Claim>,
  ): Promise<OnceAnswer<Result>> {
    const { key, live, token } = lease.of
    const end = (kind: 'd' | 'f' | 'n', text: string): Promise<number> =>
      complete(route, key, live, token, kind, text)
    let text: string
    try {
      const ofBody: OnceRun = {
        id,
        get signal() {
          return lease.signal
        },
      }
      const result = await body(ofBody)
      text = result === undefined ? '' : toJson('result', result, LARGEST_RESULT)
    } catch (error) {
      keeper.end(lease)
      // What the body threw matters more than that Redis did not hear of it: the claim then ends with its lease.
      const kind = forgetOnFailure || lease.lost ? 'n' : 'f'
      await end(kind, cut(errorText(error), LONGEST_MESSAGE)).catch(() => {})
      throw error
    }
    // Also of a lease that was lost: while nobody took over, the result is worth keeping.
    const kept = await keepResult(lease, text).finally(() => keeper.end(lease))
    if (kept) return known<Result>(`d${text}`, true)
    throw (
      lease.lost ??
      new PenknifeError('PENKNIFE_LEASE_LOST', `${title}: somebody else took over '${cut(id, 80)}'`, {
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
      return run(id, body, given)
    },
    async forget(id) {
      checkText('id', id, LONGEST_ID)
      return (await forget(route, keys.guardOf('once', name, id))) === 1
    },
  }
}

function waitOf(wait: Exclude<OnceOptions['wait'], undefined>): number {
  return durationMs('wait', wait, { min: 0, max: HOUR_MS })
}
