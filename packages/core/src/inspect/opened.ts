import { invalid } from '../errors.ts'
import { checkName } from '../options.ts'
import type { Runtime, Space } from '../redis/penknife.ts'
import { spaceRegistered } from '../redis/scripts.gen.ts'
import { REGISTERED_MS } from '../redis/registry.ts'
import type { InspectFeature } from './types.ts'

/**
 * A space in which a tool opens objects of others: they are not registered again, because that would keep a dead object in the
 * lists, and no settings of the server are checked for them.
 */
export function quietSpace(space: Space): Space {
  const runtime: Runtime = { ...space.runtime, use() {} }
  return { name: space.name, runtime }
}

/**
 * The registered options of an object. One script call.
 *
 * @throws PENKNIFE_INVALID for an object that is not registered.
 */
export async function optionsOf(space: Space, feature: InspectFeature, name: string): Promise<object> {
  checkName(`${feature} name`, name)
  const { keys, bind } = space.runtime
  const { route, names, seen, options } = keys.registry
  const member = `${feature} ${name}`
  const read = bind(spaceRegistered, [])
  const [, time, text] = await read(route, names, seen, options, `[${member}`, `[${member}`, 1, REGISTERED_MS)
  if (typeof time !== 'string' || time === '') {
    throw invalid(
      `${feature} '${name}' of space '${space.name}'`,
      'not registered',
      'check the spelling; a process registers its objects five seconds after it created them, and they stay registered for 30 days',
    )
  }
  const parsed = parsedOptions(text)
  if (parsed !== undefined) return parsed
  throw invalid(
    `options of ${feature} '${name}' of space '${space.name}'`,
    'unreadable',
    'they are longer than 16 KiB, or another program wrote them: open it with its own options instead',
  )
}

/** Registered options as an object; undefined if they are nothing of that kind. */
export function parsedOptions(text: unknown): object | undefined {
  if (typeof text !== 'string' || text === '') return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
