import type { Redis } from 'ioredis'

export interface Kept {
  readonly key: string
  readonly dump: Buffer
  /** Milliseconds to live when it was kept; 0 for ever. */
  readonly ttl: number
}

/** All keys of a server with their values. */
export async function keep(raw: Redis): Promise<readonly Kept[]> {
  const keys = (await raw.keys('*')).toSorted()
  const asked = raw.pipeline()
  for (const key of keys) asked.dumpBuffer(key).pttl(key)
  const replies = (await asked.exec()) ?? []
  return keys.flatMap((key, at) => {
    const [dump, ttl] = [replies[2 * at]?.[1], replies[2 * at + 1]?.[1]] as [Buffer | null, number]
    return dump ? [{ key, dump, ttl: ttl === -1 ? 0 : Math.max(1, ttl) }] : []
  })
}

/** Replaces the content of a server. Keys with a TTL get an hour, so that they exist for the whole round. */
export async function restore(raw: Redis, kept: readonly Kept[]): Promise<void> {
  const sent = raw.pipeline().flushall()
  for (const { key, dump, ttl } of kept) sent.call('RESTORE', key, ttl > 0 ? 3_600_000 : 0, dump)
  for (const [error] of (await sent.exec()) ?? []) if (error) throw error
}

/** The keys that differ. Those that end by themselves meanwhile do not. */
export function differences(before: readonly Kept[], after: readonly Kept[]): readonly string[] {
  const ended = new Set(before.filter(({ ttl }) => ttl > 0 && ttl < 60_000).map(({ key }) => key))
  const [was, is] = [before, after].map(
    (kept) => new Map(kept.map(({ key, dump, ttl }) => [key, { dump, ttl }])),
  )
  const keys = new Set([...was!.keys(), ...is!.keys()])
  return [...keys].filter((key) => {
    const [old, young] = [was!.get(key), is!.get(key)]
    if (!old || !young) return !ended.has(key)
    return !old.dump.equals(young.dump) || old.ttl > 0 !== young.ttl > 0 || young.ttl > old.ttl
  })
}
