import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'

import type { PrivateCluster } from '../../scripts/redis/cluster.ts'
import type { PrivateRedis } from '../../scripts/redis/server.ts'
import { ownRedis } from './redis.ts'
import { until } from './until.ts'

export interface MoveOptions {
  /** In how many steps the keys move, as far as there are so many. Default: 100 keys a step. */
  readonly steps?: number
  /** Waited for after each step, and when all keys are moved and the slot is not. */
  readonly between?: () => Promise<unknown>
}

/** Moves a slot and its keys from one of three masters to another, as redis-cli does. */
export async function moveSlot(
  cluster: PrivateCluster,
  raws: readonly Redis[],
  slot: number,
  from: number,
  to: number,
  options: MoveOptions = {},
): Promise<void> {
  const target = { raw: raws[to]!, ...cluster.nodes[to]! }
  await moveSlotTo(target, raws[from]!, [raws[3 - from - to]!], slot, options)
}

/** As `moveSlot`, to any master. */
export async function moveSlotTo(
  target: { readonly raw: Redis } & Pick<PrivateRedis, 'host' | 'port'>,
  source: Redis,
  others: readonly Redis[],
  slot: number,
  { steps, between = async () => {} }: MoveOptions = {},
): Promise<void> {
  const [sourceId, targetId] = await Promise.all([source, target.raw].map((raw) => raw.cluster('MYID')))
  await target.raw.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId as string)
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId as string)
  const count = Number(await source.call('CLUSTER', 'COUNTKEYSINSLOT', slot))
  const most = steps === undefined ? 100 : Math.ceil(count / steps)
  for (;;) {
    const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, most)) as string[]
    if (keys.length > 0) await source.call('MIGRATE', target.host, target.port, '', 0, 5000, 'KEYS', ...keys)
    await between()
    if (keys.length === 0) break
  }
  for (const raw of [target.raw, source, ...others]) {
    const assigned = raw.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId as string)
    // A master that gave away its last slot has become a replica.
    await assigned.catch((error: Error) => {
      if (!error.message.includes('only with masters')) throw error
    })
  }
  // The target gave itself a new epoch. A next move that starts before all know it may get an older one, and then be undone.
  await until('all know the epoch of the new owner', async () => {
    const epochs = await Promise.all(
      [target.raw, source, ...others].map((raw) => epochOf(raw, String(targetId))),
    )
    return new Set(epochs).size === 1
  })
}

async function epochOf(raw: Redis, id: string): Promise<string | undefined> {
  const lines = String(await raw.call('CLUSTER', 'NODES')).split('\n')
  return lines.find((line) => line.startsWith(id))?.split(' ')[6]
}

/** A new master of a cluster, without a slot; the test's end takes it out again. */
export async function addMaster(
  cluster: PrivateCluster,
  raws: readonly Redis[],
): Promise<{ readonly raw: Redis } & Pick<PrivateRedis, 'host' | 'port'>> {
  const { host, port, socket } = await ownRedis({ cluster: true })
  const raw = new Redis(socket)
  raw.on('error', () => {})
  const id = await raw.cluster('MYID')
  const [first] = cluster.nodes as readonly [PrivateRedis, ...PrivateRedis[]]
  await raw.call('CLUSTER', 'MEET', first.host, first.port)
  await until('all know it', async () => {
    const all = await Promise.all(
      [raw, ...raws].map(async (each) => String(await each.call('CLUSTER', 'NODES'))),
    )
    const ok = String(await raw.call('CLUSTER', 'INFO')).includes('cluster_state:ok')
    return ok && all.every((text) => text.includes(id) && text.trim().split('\n').length === raws.length + 1)
  })
  onTestFinished(async () => {
    raw.disconnect()
    for (const each of raws) await each.call('CLUSTER', 'FORGET', id)
  })
  return { raw, host, port }
}
