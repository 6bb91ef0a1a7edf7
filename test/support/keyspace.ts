import type { Redis } from 'ioredis'

/** All in one call, because tests compare thousands of databases. */
const EVERYTHING = `
local all = {}
for at, key in ipairs(redis.call('KEYS', '*')) do
  all[at] = { key, redis.call('TYPE', key).ok, redis.call('PEXPIRETIME', key), redis.call('DUMP', key) }
end
return all`

/** The lists of objects for tools: each process writes to them seconds after it created an object. */
export const LISTS: RegExp = /\}:(?:registry|spaces):(?:names|seen|options)$/

/**
 * Everything in a database: each key with its value, groups and pending lists included, and its time to live. Without the lists of objects
 * for tools.
 */
export async function keyspace(redis: Redis): Promise<Readonly<Record<string, string>>> {
  const found = (await redis.callBuffer('EVAL', EVERYTHING, '0')) as [Buffer, Buffer, number, Buffer][]
  return Object.fromEntries(
    found
      .map(([key, type, expires, dump]): [string, string] => [
        key.toString(),
        `${type.toString()} until ${expires}: ${dump.toString('latin1')}`,
      ])
      .filter(([key]) => !LISTS.test(key))
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  )
}

/** As `keyspace`, without the declarations of streams, notifiers and limiters, which are written in the background. */
export async function keyspaceOfData(redis: Redis): Promise<Readonly<Record<string, string>>> {
  const all = Object.entries(await keyspace(redis))
  return Object.fromEntries(
    all.filter(([key]) => !/:(?:declaration$|notify-declaration:|limit-declared:|limit-rules:)/.test(key)),
  )
}
