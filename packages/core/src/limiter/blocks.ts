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

export interface BlocksContext extends LimiterContext {
  /** Refuses a part that no rule of the limiter has. */
  readonly checkPart: (per: string | undefined) => void
  readonly local: Fallback['local']
  readonly onLocal: (error: unknown) => void
  readonly onTokensBack: (subject: LimiterSubject) => void
}

interface Blocks extends Pick<RateLimiter, 'block' | 'unblock' | 'blocks'> {
  /** Removes a part of a subject from the list, after its state was deleted. */
  unlist(subject: LimiterSubject, per: string | undefined): Promise<void>
}

/**
 * Blocks subjects. Those that are blocked without an end are in a list in the slot of the space: added before the block, and removed
 * after its end, so that a process that dies in between leaves no block that the list does not have.
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

  /** A part of a subject, where its block is stored, and its text in the list. */
  function find(
    subject: LimiterSubject,
    per: string | undefined,
  ): { route: Route; keyName: string; key: string; text: string } {
    const needed = routeBy === undefined ? [per] : [...new Set([per, routeBy])]
    const own = checkSubject(subject, needed)
    const { route, keyName }: Place = locate(own, per)
    const key = keys.limit(route, partName(name, per), keyName)
    return {
      route,
      keyName,
      key,
      text: JSON.stringify(per === undefined ? { subject: own } : { subject: own, per }),
    }
  }

  async function add(text: string): Promise<void> {
    if ((await listPort(keys.route, list, text, 1)) === 1) return
    throw new PenknifeError(
      'PENKNIFE_FULL',
      `limiter '${name}' blocks 100,000 subjects forever: unblock some, or give the block a duration`,
    )
  }

  async function read(text: string): Promise<LimiterListedBlock | undefined> {
    const listed = readReply('limiter/blocks', () => JSON.parse(text) as LimiterListedBlock)
    const { route, key } = find(listed.subject, listed.per)
    const [, reason] = await readPort(route, key)
    return reason === undefined
      ? undefined
      : { subject: listed.subject, per: listed.per, reason: String(reason) }
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
        if (us === 'forever') await add(text)
        await blockPort(route, key, us, reason)
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
      const was = await unblockPort(route, key, 0, '')
      onTokensBack(subject)
      await unlistPort(keys.route, list, text, 0)
      return was === 1
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
    async unlist(subject, per) {
      await unlistPort(keys.route, list, find(subject, per).text, 0)
    },
  }
}

function isFull(error: unknown): boolean {
  return error instanceof PenknifeError && error.code === 'PENKNIFE_FULL'
}
