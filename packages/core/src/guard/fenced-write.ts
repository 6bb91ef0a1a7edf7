import { durationMs } from '../duration.ts'
import { toJson } from '../json.ts'
import { checkOptions } from '../options.ts'
import { badReply, readReply } from '../redis/failures.ts'
import { runtimeOf, type Runtime, type Space } from '../redis/penknife.ts'
import { guardFencedRead, guardFencedWrite } from '../redis/scripts.gen.ts'
import { checkFence, refusedBy } from './fence.ts'
import type { Fence, FencedValue, FencedWriteAnswer, FencedWriteOptions } from './fence-types.ts'

const LARGEST = 65_536
const DAY_MS = 86_400_000
const NONE = {}

/**
 * Stores a value under the key of a fence, unless a holder of a later lease has written: with any write of the space that had a fence of
 * this key. `fencedRead` reads the value.
 *
 * The value is kept as JSON of at most 64 KiB. One script call; about 290 bytes beside the value.
 *
 * @throws PENKNIFE_INVALID for a wrong fence, value or option; PENKNIFE_TIMEOUT and the like when Redis is away.
 */
export async function fencedWrite(
  space: Space,
  fence: Fence,
  value: unknown,
  options: FencedWriteOptions = NONE,
): Promise<FencedWriteAnswer> {
  const runtime = runtimeOf(space)
  checkOptions('fencedWrite', options, ['ttl'])
  const ttlMs = durationMs('ttl', options.ttl ?? '31d', { min: 1000, max: 366 * DAY_MS })
  const { key, token } = checkFence(runtime.keys, fence)
  const text = toJson('value', value, LARGEST)
  const { write } = portsOf(runtime)
  const reply = await write(
    runtime.keys.route,
    key,
    valueKey(runtime, fence.key),
    token,
    text,
    Math.ceil(ttlMs),
  )
  if (reply === '+') return { ok: true }
  const highest = refusedBy(reply)
  if (highest === undefined) throw badReply('fencedWrite', `'${reply}' is no answer to a write`)
  return { ok: false, reason: 'fence', fence: highest }
}

/** Reads what `fencedWrite` stored under a key; undefined when there is nothing. One script call. */
export async function fencedRead<Value = unknown>(
  space: Space,
  key: string,
): Promise<FencedValue<Value> | undefined> {
  const runtime = runtimeOf(space)
  checkFence(runtime.keys, { key, token: 1 })
  const reply = await portsOf(runtime).read(runtime.keys.route, valueKey(runtime, key))
  if (reply === null) return undefined
  return readReply('fencedRead', () => {
    const at = reply.indexOf(' ')
    const token = Number(reply.slice(0, at))
    if (at < 1 || !Number.isSafeInteger(token)) throw new Error('the value has no token')
    return { value: JSON.parse(reply.slice(at + 1)) as FencedValue<Value>['value'], token }
  })
}

function valueKey({ keys }: Runtime, key: string): string {
  return keys.guardOf('fence', 'value', key)
}

type Ports = ReturnType<typeof bindPorts>

/** The bound scripts of each space object, so that calls of a tick share a batch. */
const bound = new WeakMap<Runtime, Ports>()

function portsOf(runtime: Runtime): Ports {
  let ports = bound.get(runtime)
  if (!ports) bound.set(runtime, (ports = bindPorts(runtime)))
  return ports
}

function bindPorts({ bind }: Runtime) {
  return { write: bind(guardFencedWrite, []), read: bind(guardFencedRead, []) }
}
