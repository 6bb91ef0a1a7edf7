import { Cluster } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { startCluster } from '../../scripts/redis/cluster.ts'
import { send } from '../../scripts/redis/resp.ts'
import { isAlive } from './helpers.ts'

test('three masters form a cluster that ioredis writes to and reads from, in every node', async () => {
  const cluster = await startCluster()
  onTestFinished(() => cluster.stop())
  const client = new Cluster([...cluster.startupNodes])
  onTestFinished(() => client.disconnect())
  for (let i = 0; i < 100; i++) expect(await client.set(`key:${i}`, i)).toBe('OK')
  for (let i = 0; i < 100; i++) expect(await client.get(`key:${i}`)).toBe(String(i))
  const sizes = await Promise.all(cluster.nodes.map((node) => send(node, ['DBSIZE'])))
  expect(sizes.every((size) => Number(size) > 0)).toBe(true)
  expect(sizes.reduce<number>((sum, size) => sum + Number(size), 0)).toBe(100)
})

test('a replica of each master is linked when the cluster is ready', async () => {
  const cluster = await startCluster({ replicasPerMaster: 1 })
  onTestFinished(() => cluster.stop())
  const roles = await Promise.all(cluster.nodes.map(async (node) => [await send(node, ['ROLE'])].flat()[0]))
  expect(roles).toEqual(['master', 'master', 'master', 'slave', 'slave', 'slave'])
  const ofMasters = cluster.nodes.slice(0, 3).map((node) => send(node, ['INFO', 'replication']))
  for (const info of await Promise.all(ofMasters)) expect(info).toContain('connected_slaves:1\r\n')
  await cluster.stop()
  expect(cluster.nodes.filter((node) => isAlive(node.pid))).toEqual([])
})
