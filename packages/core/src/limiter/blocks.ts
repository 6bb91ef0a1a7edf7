import { randomInt } from 'node:crypto'

import { durationMs } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { checkOptions, checkText, wholeNumber } from '../options.ts'
import { readReply } from '../redis/failures.ts'
import type { Route } from '../redis/keys.ts'
import {
  limiterBlock,
  limiterBlocked,
  limiterBlocks,
  limiterListBlock,
  limiterUnblock,
  limiterUnlist,
} from '../redis/scripts.gen.ts'
import type { LimiterListedBlock } from './block-types.ts'
import type { Fallback } from './fallback.ts'
import type { LimiterContext } from './context.ts'
import { partName } from './subject-keys.ts'
import { checkSubject, type Place } from './subjects.ts'
import type { LimiterSubject, RateLimiter } from './types.ts'

/** The longest reason of a block: it is stored in the subject's state. */
const LONGEST_REASON = 256

/** A block is dropped from the list, if the subject does not have it, when no call that adds it can still be on its way. */
const LONGEST_CALL_MS = 86_400_000
const PER_MS = 2048

interface Listed extends Pick<LimiterListedBlock, 'subject' | 'per'> {
  readonly id: number
}

export interface BlocksContext extends LimiterContext {
  /** Refuses a part that no rule of the limiter has. */
  readonly checkPart: (per: string | undefined) => void
  readonly local: Fallback['local']
  readonly onLocal: (error: unknown) => void
  readonly onTokensBack: (subject: LimiterSubject) => void
}

interface Blocks extends Pick<RateLimiter, 'block' | 'unblock' | 'blocks'> {
  /** Removes the block that `ended` identifies from the list, if it was one without an end. `ended` is a reply of a script. */
  unlist(subject: LimiterSubject, per: string | undefined, ended: number): Promise<void>
}

/**
 * Blocks subjects. Blocks without an end are in a list in the slot of the space, each under an id that is also in the subject's state:
 * see lua/limiter/list-block.lua. A block that is in the list, and not in the state of its subject, is not shown.
 */
export function createBlocks(context: BlocksContext): Blocks {
  const { name, keys, locate, routeBy, bind, checkPart, local, onLocal, onTokensBack } = context
  const blockPort = bind(limiterBlock, [])
  const unblockPort = bind(limiterUnblock, [])
  const listPort = bind(limiterListBlock, [])
  const unlistPort = bind(limiterUnlist, [])
  const pagePort = bind(limiterBlocks, [])
  const readPort = bind(limiterBlocked, [])
  const list = keys.limitBlocks(name)

  /** A part of a subject, where its block is stored, and its text in the list under an id. */
  function find(
    subject: LimiterSubject,
    per: string | undefined,
  ): { route: Route; keyName: string; key: string; text: (id: number) => string } {
    const needed = routeBy === undefined ? [per] : [...new Set([per, routeBy])]
    const own = checkSubject(subject, needed)
    const { route, keyName }: Place = locate(own, per)
    const key = keys.limit(route, partName(name, per), keyName)
    return {
      route,
      keyName,
      key,
      text: (id) => JSON.stringify(per === undefined ? { subject: own, id } : { subject: own, per, id }),
    }
  }

  /** Undefined for a block of other options of the limiter, such as another `routeBy`: the subject may lack a part. */
  function tryFind(subject: LimiterSubject, per: string | undefined): ReturnType<typeof find> | undefined {
    try {
      return find(subject, per)
    } catch {
      return undefined
    }
  }

  async function add(text: string): Promise<void> {
    if ((await listPort(keys.route, list, text, 1)) === 1) return
    throw new PenknifeError(
      'PENKNIFE_FULL',
      `limiter '${name}' blocks 100,000 subjects forever: unblock some, or give the block a duration`,
    )
  }

  /** Removes from the list what no subject has any more. A failure leaves it to a later call of `blocks`. */
  async function remove(text: string): Promise<void> {
    await unlistPort(keys.route, list, text, 0).catch(() => {})
  }

  async function read(text: string): Promise<LimiterListedBlock | undefined> {
    const { subject, per, id } = readReply('limiter/blocks', () => {
      const listed = JSON.parse(text) as Listed | null
      if (typeof listed !== 'object' || listed === null) throw new Error('a block is no object')
      return listed
    })
    const place = tryFind(subject, per)
    if (!place) return undefined
    const { route, key } = place
    const [, reason, listing] = await readPort(route, key)
    if (Number(listing) === id) return { subject, per, reason: String(reason) }
    // A newer one may be of a call that has not blocked yet.
    if (Date.now() - timeOf(id) > LONGEST_CALL_MS) await remove(text)
    return undefined
  }

  return {
    async block(subject, blocking) {
      checkOptions('block', blocking, ['duration', 'reason', 'per'])
      const { duration, per } = blocking
      const us = duration === 'forever' ? duration : Math.ceil(durationMs('duration', duration) * 1000)
      const reason = checkText('reason', blocking.reason, LONGEST_REASON)
      checkPart(per)
      const { route, keyName, key, text } = find(subject, per)
      try {
        const id = us === 'forever' ? createId() : 0
        if (id !== 0) await add(text(id))
        const ended = await blockPort(route, key, us, reason, id)
        if (ended > 1) await remove(text(ended))
      } catch (error) {
        if (local === undefined || isFull(error)) throw error
        onLocal(error)
        local.blocks.add(per, keyName, us, reason)
        return 'local'
      } finally {
        // The new block may be shorter than the previous one.
        onTokensBack(subject)
      }
      return 'redis'
    },
    async unblock(subject, given = {}) {
      checkOptions('unblock', given, ['per'])
      checkPart(given.per)
      const { route, keyName, key, text } = find(subject, given.per)
      local?.blocks.remove(given.per, keyName)
      const ended = await unblockPort(route, key, 0, '', 0)
      onTokensBack(subject)
      if (ended > 1) await remove(text(ended))
      return ended > 0
    },
    async blocks(paging = {}) {
      checkOptions('blocks', paging, ['limit', 'after'])
      const limit = wholeNumber('limit', paging.limit ?? 100, 1, 1000)
      const { after } = paging
      if (after !== undefined && (typeof after !== 'string' || after === ''))
        throw invalid('after', after, "give the 'next' of the page before")
      const texts = (await pagePort(keys.route, list, after === undefined ? '-' : `(${after}`, limit)).map(
        String,
      )
      const items = await Promise.all(texts.map(read))
      return {
        items: items.filter((item) => item !== undefined),
        next: texts.length === limit ? texts.at(-1) : undefined,
      }
    },
    async unlist(subject, per, ended) {
      if (ended > 1) await remove(find(subject, per).text(ended))
    },
  }
}

/** An id for a block without an end: its time in ms, and a number that distinguishes the blocks of a millisecond. */
function createId(): number {
  return Date.now() * PER_MS + randomInt(PER_MS)
}

function timeOf(id: number): number {
  return id / PER_MS
}

function isFull(error: unknown): boolean {
  return error instanceof PenknifeError && error.code === 'PENKNIFE_FULL'
}
