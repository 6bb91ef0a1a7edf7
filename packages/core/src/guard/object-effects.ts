import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { Effect, type EffectTarget, textsOf } from '../record/effect.ts'
import type { RecordRefusalReason } from '../record/refusals.ts'
import type { Runtime } from '../redis/penknife.ts'
import { conform, type StandardSchema } from '../standard-schema.ts'
import { checkFields, incrementOp, mergeOps, numberText, type ObjectOp, opsOf } from './object-ops.ts'
import type { ObjectFieldsOptions, Objects, ObjectWriteOptions } from './object-types.ts'

const NONE = {}

export interface ObjectEffectsParts {
  readonly space: string
  readonly name: string
  readonly runtime: Runtime
  readonly ttlMs: number
  readonly schema: StandardSchema<unknown, unknown> | undefined
  readonly keyOf: (id: string) => string
  /** The key and the token of a fence as the scripts take them. */
  readonly fenceOf: (key: string, fence: ObjectWriteOptions['fence']) => readonly [string, string]
  readonly lastsOf: (fieldTtl: ObjectFieldsOptions['fieldTtl']) => number
  readonly toVersion: (text: string | undefined) => number
}

/** The effects of objects, for `record` and `commit`. */
export function createObjectEffects<Value>({
  space,
  name,
  runtime,
  ttlMs,
  schema,
  keyOf,
  fenceOf,
  lastsOf,
  toVersion,
}: ObjectEffectsParts): Pick<Objects<Value>, 'setting' | 'merging' | 'incrementing' | 'deleting'> {
  const target: EffectTarget = {
    kind: 'object',
    title: `objects '${name}'`,
    space,
    runtime,
    // A script asks for the rights to a key of each target; this one never exists.
    layout: () => ({ keys: [runtime.keys.guard('object', name)], plan: [ttlMs] }),
    cost: 13,
    shapes: new WeakMap(),
  }

  /** `ops`: undefined to delete the object. */
  function effect(
    id: string,
    ops: readonly ObjectOp[] | Promise<readonly ObjectOp[]> | undefined,
    whole: boolean,
    { ifVersion, fence, fieldTtl }: ObjectFieldsOptions,
    read: (line: string) => number,
  ): Effect<number> {
    const version = numberText('ifVersion', ifVersion)
    const key = keyOf(id)
    const [fenceKey, token] = fenceOf(key, fence)
    const lasts = lastsOf(fieldTtl)
    const encode = (all: readonly ObjectOp[]): string =>
      textsOf(JSON.stringify(checkFields(all)), whole ? 1 : 0, version, token, lasts)
    const texts =
      ops instanceof Promise ? ops.then(encode) : ops ? encode(ops) : textsOf('', 0, version, token, 0)
    // A refused value fails the call that makes the change.
    if (typeof texts !== 'string') texts.catch(() => {})
    return new Effect({ target, key, keys: [key, fenceKey], texts, read, refusal: refusalOf })
  }

  const readVersion = (line: string): number => toVersion(line.slice(1).split('\n')[0])

  return {
    setting(id, value, asked = NONE) {
      checkOptions('setting', asked, ['ifVersion', 'fence'])
      const checked = schema ? conform(schema, 'value', value) : value
      const ops =
        checked instanceof Promise
          ? checked.then((one) => opsOf('value', one, true))
          : opsOf('value', checked, true)
      return effect(id, ops, true, asked, readVersion)
    },
    merging(id, fields, asked = NONE) {
      checkOptions('merging', asked, ['ifVersion', 'fence', 'fieldTtl', 'remove'])
      return effect(id, mergeOps(fields, asked), false, asked, readVersion)
    },
    incrementing(id, field, by = 1, asked = NONE) {
      checkOptions('incrementing', asked, ['ifVersion', 'fence', 'fieldTtl', 'floor', 'ceiling'])
      const ops = [incrementOp(field, by, asked)]
      return effect(id, ops, false, asked, readSum)
    },
    deleting(id, asked = NONE) {
      checkOptions('deleting', asked, ['ifVersion', 'fence'])
      return effect(id, undefined, false, asked, readVersion)
    },
  }
}

/** The value in the result of an increment. A stored result without one is that of a call with another effect. */
function readSum(line: string): number {
  const [, sum] = line.split('\n')
  if (sum !== undefined) return Number(sum)
  throw invalid('id', undefined, 'it names a call with other effects; give every request an id of its own')
}

/** Why an effect was refused, see lua/_lib/guard/objects.lua. */
function refusalOf(line: string): RecordRefusalReason {
  const [, kind = '', rest = ''] = /^([vfwnl]) (.*)$/.exec(line) ?? []
  if (kind === 'v') return { reason: 'version', version: Number(rest) }
  if (kind === 'f') return { reason: 'fence', fence: Number(rest) }
  if (kind === 'w') return { reason: 'not-an-object' }
  if (kind === 'n') return { reason: 'not-a-number', field: rest }
  const [, counter = '', reason = '', text = ''] = /^(.*) (floor|ceiling) (\S+)$/.exec(rest) ?? []
  if (reason !== 'floor' && reason !== 'ceiling') throw new Error(`'${line}' is no refusal`)
  return { reason, counter, value: Number(text) }
}
