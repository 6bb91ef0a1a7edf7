import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import type { RegistryKeys } from '../redis/keys.ts'
import type { Runtime } from '../redis/penknife.ts'
import { REGISTERED_MS } from '../redis/registry.ts'
import { spaceRegistered } from '../redis/scripts.gen.ts'
import type { InspectPage, InspectPageOptions } from './types.ts'

/** A member of a list that lua/space/register.lua keeps. */
export interface Registered {
  readonly member: string
  readonly seenAtMs: number
  readonly text: string
}

/** Sorts behind every character of a name, and behind the space after a feature. */
const LAST = '\u007f'
const LONGEST_CURSOR = 200

export function checkPage(
  where: string,
  page: InspectPageOptions,
): { readonly limit: number; readonly after: string | undefined } {
  checkOptions(where, page, ['limit', 'after'])
  const { after } = page
  if (after !== undefined && (typeof after !== 'string' || after === '' || after.length > LONGEST_CURSOR))
    throw invalid('after', after, "give the 'next' of the page before")
  return { limit: wholeNumber('limit', page.limit ?? 100, 1, 1000), after }
}

/** The name of a space or an object; and a feature with a name. */
export const NAME: RegExp = /^[\w.-]{1,64}$/
export const FEATURE_AND_NAME: RegExp = /^[a-z]+ [\w.-]{1,64}$/

/** Reads a page of the members that begin with `prefix`, and whose rest is like `pattern`. One script call. */
export async function readRegistered(
  bind: Runtime['bind'],
  { route, names, seen, options }: RegistryKeys,
  prefix: string,
  pattern: RegExp,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): Promise<InspectPage<Registered>> {
  const read = bind(spaceRegistered, [])
  const first = after === undefined ? `[${prefix}` : `(${prefix}${after}`
  const reply = await read(route, names, seen, options, first, `(${prefix}${LAST}`, limit, REGISTERED_MS)
  if (!reply.every((text) => typeof text === 'string') || reply.length % 3 !== 0)
    throw badReply(spaceRegistered.name, 'it is not members with a time and options')
  const items: Registered[] = []
  let foreign = 0
  for (let at = 0; at < reply.length; at += 3) {
    const [member, time, text] = reply.slice(at, at + 3) as [string, string, string]
    const own = member.slice(prefix.length)
    if (!pattern.test(own)) foreign += 1
    else if (time !== '') items.push({ member: own, seenAtMs: Number(time), text })
  }
  const last = reply.at(-3)
  const full = reply.length === 3 * limit
  return { items, foreign, next: full && last !== undefined ? last.slice(prefix.length) : undefined }
}
