import type { Redis } from 'ioredis'

/** All texts that are in a key: members, fields, values, and the values of entries. */
async function textsIn(raw: Redis, key: string): Promise<readonly string[]> {
  switch (await raw.type(key)) {
    case 'zset':
      return raw.zrange(key, '0', '-1')
    case 'hash':
      return Object.entries(await raw.hgetall(key)).flat()
    case 'stream':
      return (await raw.xrange(key, '-', '+')).flatMap(([, fields]) => fields.filter((_, at) => at % 2 === 1))
    default:
      return []
  }
}

/** Keys that have a text anywhere, in their names or contents. */
export async function keysWith(raw: Redis, text: string): Promise<string[]> {
  const found: string[] = []
  for (const key of await raw.keys('pk1:*')) {
    if ([key, ...(await textsIn(raw, key))].some((each) => each.includes(text))) found.push(key)
  }
  return found.toSorted()
}

/** Keys of a board in which something is of a member: exactly, as scripts write it. */
export async function keysNaming(raw: Redis, member: string): Promise<string[]> {
  const names = new Set([member, `=${member}`, `x${member}`])
  const found: string[] = []
  for (const key of await raw.keys('pk1:*')) {
    if (/:(?:scores|declaration)$/.test(key)) continue
    const texts = await textsIn(raw, key)
    const recorded = (text: string): boolean => /^\d+-\d+ \S+ \S+ (.*)$/.exec(text)?.[1] === member
    if (texts.some((text) => names.has(text) || recorded(text))) found.push(key)
  }
  return found
}
