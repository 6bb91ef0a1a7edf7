import type { Redis } from 'ioredis'

import type { PrivateCluster } from '../../scripts/redis/cluster.ts'

/** Moves a slot and its keys from one of three masters to another, as redis-cli does. */
export async function moveSlot(
  cluster: PrivateCluster,
  raws: readonly Redis[],
  slot: number,
  from: number,
  to: number,
): Promise<void> {
  const [source, target] = [raws[from]!, raws[to]!]
  const [sourceId, targetId] = await Promise.all([source, target].map((raw) => raw.cluster('MYID')))
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId as string)
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId as string)
  const { host, port } = cluster.nodes[to]!
  for (;;) {
    const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[]
    if (keys.length === 0) break
    await source.call('MIGRATE', host, port, '', 0, 5000, 'KEYS', ...keys)
  }
  for (const raw of [target, source, raws[3 - from - to]!]) {
    await raw.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId as string)
  }
}
