import { setTimeout as delay } from 'node:timers/promises'

import { durationMs } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { checkName, checkOptions, checkText, wholeNumber } from '../options.ts'
import { badReply, readReply } from '../redis/failures.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import type { Reply } from '../redis/script.ts'
import { guardObjectRead, guardObjectRemove, guardObjectWrite } from '../redis/scripts.gen.ts'
import { checkSchema, conform } from '../standard-schema.ts'
import { checkFence } from './fence.ts'
import { createObjectEffects } from './object-effects.ts'
import { checkFields, incrementOp, mergeOps, numberText, type ObjectOp, opsOf, WHOLE } from './object-ops.ts'
import type {
  ObjectAnswer,
  ObjectFieldsOptions,
  ObjectIncrementAnswer,
  Objects,
  ObjectsOptions,
  ObjectWriteOptions,
  StoredObject,
} from './object-types.ts'

const LONGEST_ID = 512
/** The field of the version. */
const VERSION = ':v'
const NONE = {}
/** The longest pause between two attempts of an update. It is random, so that two callers do not meet again and again. */
const PAUSE_MS = 10

/**
 * Creates a store of values with versions. Each id has a hash of its own: about 150 bytes beside its fields, without a TTL unless `ttl` is
 * given.
 *
 * @throws PENKNIFE_INVALID for a wrong name or option; its methods for a wrong argument.
 */
export function createObjects<Value = unknown>(
  space: Space,
  name: string,
  options: ObjectsOptions<Value> = {},
): Objects<Value> {
  checkName('objects name', name)
  checkOptions('createObjects', options, ['schema', 'ttl'])
  const { schema } = options
  if (schema !== undefined) checkSchema('schema', schema)
  const ttlMs = options.ttl === undefined ? 0 : Math.ceil(durationMs('ttl', options.ttl, { min: 1000 }))
  const runtime = runtimeOf(space)
  const { keys, bind, use } = runtime
  const { route } = keys
  const title = `objects '${name}' of space '${space.name}'`
  use('objects', name, { ttl: options.ttl })
  const write = bind(guardObjectWrite, [ttlMs], undefined, title)
  const remove = bind(guardObjectRemove, [], undefined, title)
  const read = bind(guardObjectRead, [], undefined, title)

  const keyOf = (id: string): string => keys.guardOf('object', name, checkText('id', id, LONGEST_ID))

  /** The key and the token of a fence as the scripts take them. */
  function fenceOf(key: string, fence: ObjectWriteOptions['fence']): readonly [string, string] {
    if (fence === undefined) return [key, '']
    const checked = checkFence(keys, fence)
    return [checked.key, String(checked.token)]
  }

  function lastsOf(fieldTtl: ObjectFieldsOptions['fieldTtl']): number {
    return fieldTtl === undefined ? 0 : Math.ceil(durationMs('fieldTtl', fieldTtl, { min: 1 }))
  }

  async function send(
    id: string,
    ops: readonly ObjectOp[],
    whole: boolean,
    { ifVersion, fence, fieldTtl }: ObjectFieldsOptions,
  ): Promise<string> {
    checkFields(ops)
    const key = keyOf(id)
    const version = numberText('ifVersion', ifVersion)
    const [fenceKey, token] = fenceOf(key, fence)
    const lasts = lastsOf(fieldTtl)
    const packed = JSON.stringify(ops)
    const reply = await write(route, key, fenceKey, packed, whole ? 1 : 0, version, token, lasts)
    if (reply !== 'u') return reply
    throw new PenknifeError(
      'PENKNIFE_REJECTED',
      `${title}: the server cannot expire fields; fieldTtl needs HPEXPIRE, which Redis 7.4 and Valkey 9 have`,
    )
  }

  /** The answer in a script's reply to a write; undefined for a refusal of increments. */
  function answerOf(reply: string): ObjectAnswer | undefined {
    if (reply.startsWith('+')) return { ok: true, version: toVersion(reply.slice(1).split('\n')[0]) }
    if (reply.startsWith('v ')) return { ok: false, reason: 'version', version: toVersion(reply.slice(2)) }
    if (reply.startsWith('f ')) return { ok: false, reason: 'fence', fence: toVersion(reply.slice(2)) }
    return undefined
  }

  function toVersion(text: string | undefined): number {
    const number = Number(text)
    if (Number.isSafeInteger(number)) return number
    throw badReply(title, `'${text}' is no version`)
  }

  function answer(reply: string): ObjectAnswer {
    const found = answerOf(reply)
    if (found) return found
    throw badReply(title, `'${reply}' is no answer to a write`)
  }

  async function get(id: string): Promise<StoredObject<Value> | undefined> {
    const reply = await read(route, keyOf(id))
    return readReply(title, () => toStored<Value>(reply))
  }

  function set(id: string, value: Value, asked: ObjectWriteOptions): Promise<string> {
    return send(id, opsOf('value', value, true), true, asked)
  }

  const effects = createObjectEffects<Value>({
    space: space.name,
    name,
    runtime,
    ttlMs,
    schema,
    keyOf,
    fenceOf,
    lastsOf,
    toVersion,
  })

  return {
    name,
    get,
    ...effects,
    async set(id, value, asked = NONE) {
      checkOptions('set', asked, ['ifVersion', 'fence'])
      return answer(await set(id, schema ? await conform(schema, 'value', value) : value, asked))
    },
    async merge(id, fields, asked = NONE) {
      checkOptions('merge', asked, ['ifVersion', 'fence', 'fieldTtl', 'remove'])
      const reply = await send(id, mergeOps(fields, asked), false, asked)
      return reply === 'w ' ? { ok: false, reason: 'not-an-object' } : answer(reply)
    },
    async increment(id, field, by = 1, asked = NONE) {
      checkOptions('increment', asked, ['ifVersion', 'fence', 'fieldTtl', 'floor', 'ceiling'])
      const reply = await send(id, [incrementOp(field, by, asked)], false, asked)
      return readReply(title, () => {
        const found = answerOf(reply)
        if (found) return found.ok ? { ...found, value: Number(reply.split('\n')[1]) } : found
        return refusedIncrement(reply)
      })
    },
    async update(id, change, asked = NONE) {
      if (typeof change !== 'function') throw invalid('change', change, 'give a function')
      checkOptions('update', asked, ['fence', 'attempts'])
      const { fence, attempts = 10 } = asked
      wholeNumber('attempts', attempts, 1, 100)
      for (let left = attempts; left > 0; left--) {
        const before = await get(id)
        const changed = await change(before?.value)
        if (changed === undefined) return { ok: false, reason: 'unchanged' }
        const value = schema ? await conform(schema, 'value', changed) : changed
        const ifVersion = before?.version ?? 0
        const made = answer(await set(id, value, fence === undefined ? { ifVersion } : { ifVersion, fence }))
        if (made.ok)
          return { ok: true, version: made.version, value: JSON.parse(JSON.stringify(value)) as never }
        if (made.reason === 'fence') return made
        if (left > 1) await delay(Math.random() * PAUSE_MS)
      }
      return { ok: false, reason: 'conflict' }
    },
    async delete(id, asked = NONE) {
      checkOptions('delete', asked, ['ifVersion', 'fence'])
      const version = numberText('ifVersion', asked.ifVersion)
      const key = keyOf(id)
      const [fenceKey, token] = fenceOf(key, asked.fence)
      return answer(await remove(route, key, fenceKey, version, token))
    },
  }
}

function toStored<Value>(reply: readonly Reply[]): StoredObject<Value> | undefined {
  const fields = new Map<string, string>()
  for (let at = 0; at + 1 < reply.length; at += 2) fields.set(String(reply[at]), String(reply[at + 1]))
  const version = fields.get(VERSION)
  if (version === undefined) return undefined
  const alone = fields.get(WHOLE)
  const value: unknown =
    alone === undefined
      ? Object.fromEntries(
          [...fields]
            .filter(([field]) => !field.startsWith(':'))
            .map(([field, json]) => [field, JSON.parse(json) as unknown]),
        )
      : JSON.parse(alone)
  return { value: value as StoredObject<Value>['value'], version: Number(version) }
}

function refusedIncrement(reply: string): Exclude<ObjectIncrementAnswer, { ok: true }> {
  if (reply === 'w ') return { ok: false, reason: 'not-an-object' }
  if (reply.startsWith('n ')) return { ok: false, reason: 'not-a-number' }
  const [, reason = '', value = ''] = /^l .* (floor|ceiling) (\S+)$/.exec(reply) ?? []
  if (reason === 'floor' || reason === 'ceiling') return { ok: false, reason, value: Number(value) }
  throw new Error(`'${reply}' is no answer to an increment`)
}
