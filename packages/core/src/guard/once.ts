import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import { durationMs } from '../duration.ts'
import { invalid, isOutage, PenknifeError } from '../errors.ts'
import { toJson } from '../json.ts'
import { checkName, checkOptions, checkText } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { guardClaim, guardComplete, guardForget } from '../redis/scripts.gen.ts'
import { cut, errorText } from '../text.ts'
import type { Once, OnceAnswer, OnceOptions, OnceRun, OnceRunOptions } from './dedup-types.ts'
import { createKeeper, type KeptLease } from './keeper.ts'
import { createWakeup, type Wakeup } from './wakeup.ts'

const HOUR_MS = 3_600_000
const LONGEST_ID = 512
const LARGEST_RESULT = 65_536
const LONGEST_MESSAGE = 1000
/** Behind the end of another's lease, so that the next try finds it over. */
const BEHIND_MS = 2
/** Before a result that could not be kept is sent again. */
const AGAIN_MS = 100

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
  const { keys, bind, subscriber, movedTime } = runtime
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

  /** The answer in a record or a message; undefined when it says that somebody else may try. */
  function known<Result>(text: string, first: boolean): OnceAnswer<Result> | undefined {
    const rest = text.slice(1)
    if (text.startsWith('n')) return undefined
    if (text.startsWith('f')) return { status: 'failed', message: rest }
    if (!text.startsWith('d')) throw badReply(title, `'${cut(text, 60)}' says nothing of a run`)
    try {
      return { status: 'done', first, result: (rest === '' ? undefined : JSON.parse(rest)) as never }
    } catch (error) {
      throw badReply(title, errorText(error), error)
    }
  }

  /** Follows the end of another's run. */
  function follow<Result>(
    live: string,
    wakeup: Wakeup,
  ): { answer: () => OnceAnswer<Result> | undefined; end: () => void } {
    let said: string | undefined
    const end = subscriber.follow(route, live, {
      message(text) {
        said = text
        wakeup.wake()
      },
      // It may have ended before: ask.
      followed: () => wakeup.wake(),
    })
    return {
      end,
      answer() {
        const text = said
        said = undefined
        return text === undefined ? undefined : known(text, false)
      },
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
    const until = performance.now() + (wait === undefined ? waitMs : waitOf(wait))
    const wakeup = createWakeup(signal)
    let followed: ReturnType<typeof follow<Result>> | undefined
    let ignoreMoves: (() => void) | undefined
    try {
      for (;;) {
        signal?.throwIfAborted()
        const sentAt = performance.now()
        const reply = await claim(route, ids.key, ids.token, 0)
        if (reply === 'c') {
          followed?.end()
          followed = undefined
          return await runBody(id, body, keeper.keep(ids, sentAt))
        }
        if (!reply.startsWith('w')) return known<Result>(reply, false) as OnceAnswer<Result>
        const leftMs = until - performance.now()
        if (leftMs <= 0) return { status: 'running' }
        followed ??= follow(ids.live, wakeup)
        ignoreMoves ??= movedTime.on(() => wakeup.wake())
        await wakeup.wait(Math.min(leftMs, Number(reply.slice(1)) + BEHIND_MS))
        const answer = followed.answer()
        if (answer) return answer
      }
    } finally {
      followed?.end()
      ignoreMoves?.()
    }
  }

  /** Keeps a result, again and again while Redis is away and the claim lasts; false when somebody else took over. */
  async function keepResult(lease: KeptLease<Claim>, text: string): Promise<boolean> {
    const { key, live, token } = lease.of
    for (let unsure = false; ;) {
      try {
        if ((await complete(route, key, live, token, 'd', text)) === 1) return true
        if (!unsure) return false
        // A call of unknown fate may have kept it. Where it kept nothing, the claim is ours again.
        const reply = await claim(route, key, token, 0)
        if (reply !== 'c') return reply === `d${text}`
      } catch (error) {
        if (!isOutage(error) || lease.leftMs < AGAIN_MS) throw error
        unsure = true
        await delay(AGAIN_MS)
      }
    }
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
    if (kept) return known<Result>(`d${text}`, true) as OnceAnswer<Result>
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
