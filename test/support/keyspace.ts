import type { Redis } from 'ioredis'

/** Everything in a database: each key with its value, groups and pending lists included, and its time to live. */
export async function keyspace(redis: Redis): Promise<Readonly<Record<string, string>>> {
  const keys = (await redis.keys('*')).toSorted()
  const found = await Promise.all(
    keys.map(async (key) => {
      const [type, dump, expires] = await Promise.all([
        redis.type(key),
        redis.dumpBuffer(key),
        redis.pexpiretime(key),
      ])
      return [key, `${type} until ${expires}: ${dump?.toString('latin1')}`] as const
    }),
  )
  return Object.fromEntries(found)
}

/** As `keyspace`, without the declarations of streams, notifiers and limiters, which are written in the background. */
export async function keyspaceOfData(redis: Redis): Promise<Readonly<Record<string, string>>> {
  const all = Object.entries(await keyspace(redis))
  return Object.fromEntries(
    all.filter(([key]) => !/:(?:declaration$|notify-declaration:|limit-declared:)/.test(key)),
  )
}
