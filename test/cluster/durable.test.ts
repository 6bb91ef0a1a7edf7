import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { startCluster } from '../../scripts/redis/cluster.ts'
import { openReady } from '../support/connect.ts'
import { safely } from '../support/counters.ts'
import { clusterPattern, freeze } from '../support/redis.ts'
import { spacesOnAll } from '../support/spaces.ts'
import { until } from '../support/until.ts'

test('on a cluster a call is confirmed by the replicas of its own master, also after a takeover', async () => {
  const cluster = await startCluster({ replicasPerMaster: 1 })
  onTestFinished(() => cluster.stop())
  const penknife = await openReady(clusterPattern(cluster), { deadline: 500 })
  const spaces = spacesOnAll(penknife, 2)
  const counts = spaces.map((space) => safely(space))
  const both = await Promise.all(counts.flatMap((count) => [count(), count()]))
  expect(both).toEqual(spaces.flatMap(() => [1, 2]))

  const [first, , , replica] = cluster.nodes
  freeze(replica!)
  const outcomes = await Promise.allSettled(counts.map((count) => count()))
  const onFirst = [true, false, false, true, false, false]
  expect(outcomes.map(({ status }) => status === 'rejected')).toEqual(onFirst)
  replica!.thaw()

  const raw = new Redis(replica!.socket)
  onTestFinished(() => raw.disconnect())
  await until('the replica follows again', async () =>
    /master_link_status:up/.test(await raw.info('replication')),
  )
  await raw.cluster('FAILOVER')
  // Its slots and its replica are the other way round now.
  await until('the new master confirms', () => counts[0]!().then(Boolean, () => false), 20_000)
  freeze(first!)
  expect(
    (await Promise.allSettled(counts.map((count) => count()))).map(({ status }) => status === 'rejected'),
  ).toEqual(onFirst)
})
