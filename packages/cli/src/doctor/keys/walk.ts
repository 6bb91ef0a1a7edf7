import { Cluster, type Redis } from 'ioredis'

import type { Session } from '../../session.ts'

/** A key of penknife as Redis has it. */
export interface FoundKey {
  readonly name: Buffer
  /** Of the server that has it; it puts no prefix before names. */
  readonly connection: Redis
  /** Milliseconds until it expires; -1: never. */
  readonly ttlMs: number
  /** Milliseconds since a command read or wrote it; undefined where the server does not count that. */
  readonly idleMs: number | undefined
}

export interface Walked {
  /** Keys of all programs that were walked, about. */
  readonly walked: number
  /** False when the walk ended early (`--most`, or Ctrl-C), or keys moved. */
  readonly complete: boolean
  /** Keys that were on another master of the cluster when their times were asked for. It may have been walked before. */
  readonly moved: number
}

/** Keys of one SCAN call. */
const COUNT = 500
/** Longer names are none of penknife's, and Redis is asked nothing about them. */
const LONGEST_NAME = 1024

/** Opens a connection to each master without the prefix, because SCAN returns whole names; closes them after `run`. */
export async function withMasters<Result>(
  { raw, reply }: Session,
  run: (masters: readonly Redis[]) => Promise<Result>,
): Promise<Result> {
  // The client of a cluster learns the masters with its first call.
  if (raw instanceof Cluster) await reply(raw.cluster('INFO'))
  const nodes = raw instanceof Cluster ? raw.nodes('master') : [raw]
  const masters = nodes.map((node) => node.duplicate({ keyPrefix: '' }))
  for (const each of masters) each.on('error', () => {})
  try {
    return await run(masters)
  } finally {
    for (const each of masters) each.disconnect()
  }
}

/**
 * Walks the keys of every master with SCAN, and calls `found` with those whose name matches. One call of SCAN visits about 500 keys. For
 * each match it sends PTTL and OBJECT IDLETIME. It writes nothing.
 *
 * @param most the most keys of all programs to walk; each master gets an equal part
 */
export async function walkKeys(
  session: Session,
  masters: readonly Redis[],
  { match, most }: { readonly match: string; readonly most: number },
  found: (keys: readonly FoundKey[]) => void,
): Promise<Walked> {
  const { signal, output, reply } = session
  const share = Math.ceil(most / masters.length)
  let [walked, matching, moved, complete] = [0, 0, 0, true]
  const sizes = await Promise.all(masters.map((each) => reply(each.dbsize())))
  const size = sizes.reduce((sum, each) => sum + each, 0)
  for (const [at, master] of masters.entries()) {
    const own = sizes[at] as number
    let [cursor, here] = ['0', 0]
    do {
      if (signal.aborted || here >= share) {
        complete = false
        break
      }
      const count = Math.min(COUNT, share - here)
      const [next, names] = await reply(master.scanBuffer(cursor, 'MATCH', match, 'COUNT', count))
      cursor = String(next)
      here += count
      const { keys, gone } = await look(session, master, names)
      matching += keys.length
      moved += gone
      found(keys)
      output.progress(
        `walked about ${walked + Math.min(own, here)} of ${size} keys, ${matching} of them of penknife`,
      )
    } while (cursor !== '0')
    walked += cursor === '0' && here > 0 ? own : Math.min(own, here)
  }
  output.progress()
  return { walked, complete: complete && moved === 0, moved }
}

async function look(
  { reply }: Session,
  connection: Redis,
  names: readonly Buffer[],
): Promise<{ readonly keys: readonly FoundKey[]; readonly gone: number }> {
  const [short, long] = [names.filter(isShort), names.filter((name) => !isShort(name))]
  const pipeline = connection.pipeline()
  for (const name of short) pipeline.pttl(name).object('IDLETIME', name)
  const replies = (short.length === 0 ? [] : await reply(pipeline.exec())) ?? []
  let gone = 0
  const keys = short.flatMap((name, at): FoundKey[] => {
    const [failed, ttlMs] = replies[2 * at] ?? []
    const [unknown, idle] = replies[2 * at + 1] ?? []
    if (failed && /^(MOVED|ASK) /.test(failed.message)) {
      gone += 1
      return []
    }
    if (failed) throw failed
    // -2: it expired since.
    if (typeof ttlMs !== 'number' || ttlMs === -2) return []
    return [
      { name, connection, ttlMs, idleMs: unknown || typeof idle !== 'number' ? undefined : idle * 1000 },
    ]
  })
  return { keys: [...keys, ...long.map((name) => ({ name, connection, ttlMs: 0, idleMs: undefined }))], gone }
}

function isShort(name: Buffer): boolean {
  return name.length <= LONGEST_NAME
}
