import { setTimeout as delay } from 'node:timers/promises'

import { invalid, isOutage } from '../errors.ts'
import { badReply, refusedForMemory } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import { recordCommit } from '../redis/scripts.gen.ts'
import { readRefusals, readResults } from './answers.ts'
import { createCaller } from './caller.ts'
import { type Effect, END } from './effect.ts'
import { isEffect, safetyOfTargets } from './record.ts'
import { encode } from './layout.ts'
import { type Caller, type Placed, placeEffects, printOf, sameSpace, type Shape, shapeOf } from './shapes.ts'
import type { CommitAnswer } from './types.ts'

export interface CommitterParts {
  readonly runtime: Runtime
  readonly space: string
  readonly title: string
  /** The stream, and the stream of its group's entries to handle again. */
  readonly sourceKeys: readonly [string, string]
  /** The hash of the consumer's last answers. */
  readonly answersKey: string
  readonly group: string
  readonly consumer: string
  /** Groups of a work queue, '-' for an event log. */
  readonly declared: string
  /** With order by key: the keys of lua/_lib/stream/places.lua, and the places of a key. */
  readonly places: readonly string[]
  readonly most: number
  /** The keys of lua/_lib/stream/outcomes.lua and the prefix of their channels; undefined where no outcomes are kept. */
  readonly outcomes: { readonly keys: readonly string[]; readonly channels: string } | undefined
  /** Called with each failure after which a commit is sent again. */
  readonly trouble: (error: unknown) => void
}

/** An entry under lease. */
export interface CommitSource {
  /** 'm' or 'r', and the position there. */
  readonly from: string
  readonly position: string
  /** Its place of a key; empty: none; undefined: unknown. */
  readonly place: string | undefined
  /** Its id, a space and the milliseconds to keep its outcome; empty: it is not kept; '?': unknown. */
  readonly outcome: string
}

/** The effects of a commit, checked. */
export interface CheckedCommit {
  readonly placed: readonly Placed[]
  readonly shape: Shape
}

export interface Committer {
  /** Checks the effects of a commit; throws for wrong ones. */
  check(effects: readonly Effect[]): CheckedCommit
  /**
   * Makes the changes and finishes the entry. A call of unknown fate is sent again, and one that did not reach Redis, while `mayRetry`: the
   * script answers a repetition with the first results.
   */
  commit(source: CommitSource, checked: CheckedCommit, mayRetry: () => boolean): Promise<CommitAnswer<never>>
}

const RETRY_MS = 200
/** Most positions that a commit reports as received. */
const MOST_RECEIVED = 100

const LOST: CommitAnswer<never> = { ok: false, lost: true, refused: [] }

export function createCommitter(parts: CommitterParts): Committer {
  const {
    runtime,
    space,
    title,
    sourceKeys,
    answersKey,
    group,
    consumer,
    declared,
    trouble,
    places,
    most,
    outcomes,
  } = parts
  const callers = new WeakMap<Shape, Caller>()
  /** Positions whose answers were received, and which Redis still stores. */
  let received: string[] = []

  function callerOf(shape: Shape): Caller {
    let caller = callers.get(shape)
    if (!caller) {
      const safety = safetyOfTargets(shape)
      const plan = [
        group,
        consumer,
        declared,
        safety ? 1 : '',
        most,
        outcomes?.channels ?? '',
        printOf(shape),
      ]
      const keys = [...sourceKeys, answersKey, ...places, ...(outcomes?.keys ?? [])]
      caller = createCaller({ runtime, title, script: recordCommit, shape, plan, keys, own: 0, safety })
      callers.set(shape, caller)
    }
    return caller
  }

  async function send(
    call: Caller,
    { from, position, place, outcome }: CommitSource,
    { placed, shape }: CheckedCommit,
  ): Promise<string> {
    const own: string[] = []
    const reported = received.length > MOST_RECEIVED ? received.splice(0, MOST_RECEIVED) : received
    if (reported === received) received = []
    try {
      const where = place === undefined || most === 0 ? position : `${position} ${place}`
      const head = [from, where, reported.join(' '), outcome].map((text) => text + END).join('')
      const texts = encode(shape, placed, own, head)
      const reply = await call(own, typeof texts === 'string' ? texts : await texts)
      // The script forgets them only with a new answer.
      if (!reply.startsWith('+')) received.push(...reported)
      return reply
    } catch (error) {
      received.push(...reported)
      throw error
    }
  }

  return {
    check(effects) {
      const placed = placeEffects(effects, isEffect)
      const { target } = (placed[0] as Placed).effect.parts
      if (!sameSpace({ runtime, space }, target)) {
        throw invalid(
          'effects',
          target.title,
          `it is in space '${target.space}', and the entry in space '${space}'`,
        )
      }
      return { placed, shape: shapeOf(placed) }
    },
    async commit(source, checked, mayRetry) {
      const { placed, shape } = checked
      for (const { used } of shape.targets) used?.()
      const call = callerOf(shape)
      let reply: string
      for (;;) {
        try {
          reply = await send(call, source, checked)
          break
        } catch (error) {
          if (!isOutage(error) || refusedForMemory(error) || !mayRetry()) throw error
          trouble(error)
        }
        await delay(RETRY_MS)
      }
      const kind = reply.charAt(0)
      if (kind === '+' || kind === '=') {
        received.push(source.from + source.position)
        const results = readResults(title, shape, placed, reply.slice(1))
        return { ok: true, done: kind === '+' ? 'now' : 'before', results: results as never }
      }
      if (kind === '-') return { ok: false, lost: false, refused: readRefusals(title, shape, placed, reply) }
      if (reply === 'l') return LOST
      throw badReply(title, `'${reply}' is no answer`)
    },
  }
}
