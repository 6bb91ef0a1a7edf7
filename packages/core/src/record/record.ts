import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkOptions, checkText, wholeNumber } from '../options.ts'
import type { Safety } from '../redis/durable.ts'
import { badReply } from '../redis/failures.ts'
import { type Runtime, runtimeOf, type Space } from '../redis/penknife.ts'
import { recordRecord } from '../redis/scripts.gen.ts'
import { traced } from '../traced.ts'
import { readRefusals, readResults } from './answers.ts'
import { createCaller } from './caller.ts'
import { Effect, type EffectTarget } from './effect.ts'
import { encode } from './layout.ts'
import { type Caller, type Placed, placeEffects, sameSpace, printOf, type Shape, shapeOf } from './shapes.ts'
import type { RecordAnswer, RecordOptions, RecordResults } from './types.ts'

const RECORD = traced('record')
const LONGEST_ID = 512
const DAY_MS = 86_400_000
const NONE: RecordOptions = {}
const KNOWN = ['id', 'window', 'durability', 'replicas', 'explain']

/**
 * Makes several changes of a space in one step: all of them, or none. Nobody sees some of them without the others.
 *
 * The effects come from the objects of the space: `orders.adding(payload)`, `points.incrementing('ann', 10)`,
 * `stock.decrementing('sku-1', 2)`, `news.publishing('user:ann', event)`, `seen.claiming(id)`, `carts.merging('ann', fields)`. Their
 * order does not matter, except for changes of one object, which follow each other. At most 50.
 *
 * Resolves with the result of each effect, or with every change that was refused: a counter at its floor, a full stream, a known id, an
 * object of another version. Then nothing was changed.
 *
 * With `id` the answer is stored for `window`, so that a call of unknown fate can be repeated, by any process. It takes about 150 bytes
 * beside the results.
 *
 * Cost: one script call, which calls of a tick with effects on the same objects share.
 *
 * @throws PENKNIFE_INVALID for effects of two spaces, or an id that belongs to other effects; what the methods of the objects throw.
 */
export function record<const Effects extends readonly Effect[]>(
  space: Space,
  ...effects: Effects
): Promise<RecordAnswer<RecordResults<Effects>>>
export function record<const Effects extends readonly Effect[]>(
  space: Space,
  options: RecordOptions,
  ...effects: Effects
): Promise<RecordAnswer<RecordResults<Effects>>>
export async function record(
  space: Space,
  ...given: readonly (RecordOptions | Effect)[]
): Promise<RecordAnswer<never>> {
  const [first] = given
  const options = first instanceof Effect || first === undefined ? NONE : first
  const place = { space: space.name, runtime: runtimeOf(space) }
  return recordIn(place, options, options === NONE ? given : given.slice(1)) as Promise<RecordAnswer<never>>
}

/** `record` for the code of a feature, which has the runtime of a space instead of the space. */
export function recordIn(
  place: Pick<EffectTarget, 'runtime' | 'space'>,
  options: RecordOptions,
  effects: readonly unknown[],
): Promise<RecordAnswer<readonly unknown[]>> {
  if (!RECORD.observed) return recordAll(place, options, effects)
  const message = { space: place.space, effects: effects.length }
  return RECORD.follow(message, () => recordAll(place, options, effects))
}

async function recordAll(
  place: Pick<EffectTarget, 'runtime' | 'space'>,
  options: RecordOptions,
  effects: readonly unknown[],
): Promise<RecordAnswer<readonly unknown[]>> {
  const { runtime, space } = place
  const mode = options === NONE ? PLAIN : modeOf(options)
  const placed = placeEffects(effects, isEffect)
  const { target } = (placed[0] as Placed).effect.parts
  if (!sameSpace(place, target)) {
    throw invalid(
      'effects',
      target.title,
      `it is in space '${target.space}', and record was given space '${space}'`,
    )
  }
  const shape = shapeOf(placed)
  const title = `record in space '${space}'`
  const call = callerOf(runtime, title, shape, mode)
  const own =
    mode.windowMs === undefined
      ? []
      : [runtime.keys.recorded(checkText('id', options.id as string, LONGEST_ID))]
  const encoded = encode(shape, placed, own, '')
  const values = typeof encoded === 'string' ? encoded : await encoded
  for (const { used } of shape.targets) used?.()
  const reply = await call(own, values)
  const kind = reply.charAt(0)
  if (kind === '+' || kind === '=') {
    const results = readResults(
      title,
      shape,
      placed,
      mode.explain && kind === '+' ? undefined : reply.slice(1),
    )
    return { ok: true, repeated: kind === '=', results }
  }
  if (kind === '-') return { ok: false, refused: readRefusals(title, shape, placed, reply) }
  if (kind === '!') {
    throw invalid('id', options.id, 'it names a call with other effects; give every request an id of its own')
  }
  throw badReply(title, `'${reply}' is no answer`)
}

export function isEffect(value: unknown): value is Effect {
  return value instanceof Effect
}

/** What distinguishes the ports of a shape. */
interface Mode {
  readonly name: string
  readonly windowMs: number | undefined
  readonly safety: Safety | undefined
  readonly explain: boolean
}

const PLAIN: Mode = { name: '', windowMs: undefined, safety: undefined, explain: false }

function modeOf(options: RecordOptions): Mode {
  checkOptions('record', options, KNOWN)
  const { id, window, explain = false } = options
  if (window !== undefined && id === undefined) throw invalid('window', window, "give 'id' as well")
  if (typeof explain !== 'boolean') throw invalid('explain', explain, 'give true or false')
  const windowMs =
    id === undefined
      ? undefined
      : Math.ceil(durationMs('window', window ?? '1h', { min: 1000, max: 31 * DAY_MS }))
  const safety = safetyOf(options)
  const name = `${windowMs ?? ''} ${safety ? `${safety.fsynced} ${safety.replicas}` : ''} ${explain}`
  return { name, windowMs, safety, explain }
}

function safetyOf({ durability, replicas }: RecordOptions): Safety | undefined {
  if (durability === undefined) {
    if (replicas === undefined) return undefined
    throw invalid('replicas', replicas, "give 'durability' as well: 'replicated' or 'fsynced'")
  }
  if (durability !== 'replicated' && durability !== 'fsynced') {
    throw invalid('durability', durability, "give 'replicated' or 'fsynced', or leave it out")
  }
  const fsynced = durability === 'fsynced'
  return { fsynced, replicas: wholeNumber('replicas', replicas ?? (fsynced ? 0 : 1), fsynced ? 0 : 1, 100) }
}

/** What the streams of a call promise: the strictest of it. */
export function safetyOfTargets({ targets }: Shape): Safety | undefined {
  let strictest: Safety | undefined
  for (const { safety } of targets) {
    if (!safety) continue
    strictest = {
      fsynced: safety.fsynced || (strictest?.fsynced ?? false),
      replicas: Math.max(safety.replicas, strictest?.replicas ?? 0),
    }
  }
  return strictest
}

function callerOf(runtime: Runtime, title: string, shape: Shape, mode: Mode): Caller {
  const known = shape.callers.get(mode.name)
  if (known) return known
  const { windowMs, explain } = mode
  const safety = explain ? undefined : (mode.safety ?? safetyOfTargets(shape))
  const caller = createCaller({
    runtime,
    title,
    script: recordRecord,
    shape,
    plan: [windowMs ?? '', printOf(shape), safety ? 1 : '', explain ? 1 : ''],
    keys: [],
    own: windowMs === undefined ? 0 : 1,
    safety,
  })
  shape.callers.set(mode.name, caller)
  return caller
}
