import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkName, checkOptions, checkText, wholeNumber } from '../options.ts'
import { Effect, type EffectTarget, textsOf } from '../record/effect.ts'
import { badReply } from '../redis/failures.ts'
import { type Route, shortened } from '../redis/keys.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg } from '../redis/script.ts'
import { guardSee, guardUnsee } from '../redis/scripts.gen.ts'
import type { Deduper, DeduperOptions } from './dedup-types.ts'

const LONGEST_ID = 512
const MOST_IDS = 1000
/** The ids of one item of a script call with many ids, and the items of such a call. */
const EACH = 64
const TOGETHER = 4
const SHARDS = 16

/** A sorted set of ids, and the calls that note ids in it. */
interface Shard {
  readonly route: Route
  readonly key: string
  readonly see: Port<[ids: Arg], string | number>
  readonly seeMany: Port<[ids: Arg], string | number>
}

/**
 * Creates a deduper, which finds out which ids are new within a time.
 *
 * It is a sorted set of about 115 bytes an id with at most `maxIds` ids (and those of one call). It expires a window after the last new id.
 * An id of more than 64 characters is stored as its hash.
 *
 * @throws PENKNIFE_INVALID for a wrong name or option; its methods for a wrong argument.
 */
export function createDeduper(space: Space, name: string, options: DeduperOptions): Deduper {
  checkName('deduper name', name)
  checkOptions('createDeduper', options, ['window', 'maxIds', 'place'])
  const windowMs = Math.ceil(durationMs('window', options.window, { min: 1000, max: 31 * 86_400_000 }))
  const maxIds = wholeNumber('maxIds', options.maxIds ?? 1_000_000, 1000, 100_000_000)
  const place = options.place ?? 'spread'
  if (place !== 'spread' && place !== 'space') throw invalid('place', place, "give 'spread' or 'space'")
  const runtime = runtimeOf(space)
  const { keys, bind, use, cluster } = runtime
  // One server gains nothing from shards.
  const spread = place === 'spread' && cluster
  const title = `deduper '${name}' of space '${space.name}'`
  use('deduper', name, options)
  const most = spread ? Math.ceil(maxIds / SHARDS) : maxIds
  const unsee = bind(guardUnsee, [], undefined, title)
  /** By the tag of the slot. */
  const shards = new Map<string, Shard>()

  function shardOf(id: string): Shard {
    const route = spread ? keys.shard(id) : keys.route
    let shard = shards.get(route.tag)
    if (!shard) {
      const key = spread ? keys.guardShard(route, 'seen', name) : keys.guard('seen', name)
      const see = bind(guardSee, [[key], windowMs, most], undefined, title)
      const seeMany = bind({ ...guardSee, batch: TOGETHER }, [[key], windowMs, most], undefined, title)
      shard = { route, key, see, seeMany }
      shards.set(route.tag, shard)
    }
    return shard
  }

  const checkId = (id: string): string => shortened(checkText('id', id, LONGEST_ID))

  /** `places`: where the ids of the shard are in the answer. */
  async function claimSome(
    shard: Shard,
    ids: readonly string[],
    places: readonly number[],
    answer: boolean[],
  ): Promise<void> {
    const reply = String(await shard.seeMany(shard.route, ids.join('\n')))
    if (!/^[01]+$/.test(reply) || reply.length !== ids.length)
      throw badReply(title, `'${reply}' is no answer to ${ids.length} ids`)
    for (const [at, to] of places.entries()) answer[to] = reply[at] === '1'
  }

  const target: EffectTarget = {
    kind: 'claim',
    title: `deduper '${name}'`,
    space: space.name,
    runtime,
    layout: () => ({ keys: [keys.guard('seen', name)], plan: [windowMs, most] }),
    cost: 5,
    shapes: new WeakMap(),
  }

  return {
    name,
    claiming(id) {
      if (place !== 'space')
        throw invalid(
          'place',
          place,
          "create the deduper with place: 'space' to claim in one step with other changes",
        )
      return new Effect({ target, texts: textsOf(checkId(id)), read: () => true as const })
    },
    claim(id) {
      return new Promise((resolve, failed) => {
        const checked = checkId(id)
        const { route, see } = shardOf(checked)
        see.to({ received: (reply) => resolve(reply === 1), failed }, route, checked)
      })
    },
    async claimMany(ids) {
      if (!Array.isArray(ids) || ids.length > MOST_IDS)
        throw invalid('ids', ids, `give a list of at most ${MOST_IDS} ids`)
      const sorted = new Map<Shard, number[]>()
      const checked = Array.from(ids, checkId)
      for (const [at, id] of checked.entries()) {
        const shard = shardOf(id)
        const places = sorted.get(shard)
        if (places) places.push(at)
        else sorted.set(shard, [at])
      }
      const answer = Array.from(checked, () => false)
      const calls: Promise<void>[] = []
      for (const [shard, places] of sorted) {
        for (let from = 0; from < places.length; from += EACH) {
          const some = places.slice(from, from + EACH)
          calls.push(
            claimSome(
              shard,
              some.map((at) => checked[at] as string),
              some,
              answer,
            ),
          )
        }
      }
      await Promise.all(calls)
      return answer
    },
    async forget(id) {
      const checked = checkId(id)
      const { route, key } = shardOf(checked)
      return (await unsee(route, key, checked)) === 1
    },
  }
}
