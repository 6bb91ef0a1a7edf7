import type { Cluster, Redis } from 'ioredis'

import type { Link, ConnectionPurpose, Topology } from '../driver.ts'
import { nameOf } from './attempts.ts'
import { lineOver, linkOver } from './line.ts'

interface Node {
  readonly redis: Redis
  readonly link: Link
}

/**
 * A cluster of ioredis. Penknife uses its knowledge of the slots and its connections to the nodes, but not its sending: ioredis
 * queues a call to a master that is not connected, and fails it as if it had been sent.
 */
export function createTopology(
  cluster: Cluster,
  openLink: (like: Redis, purpose: ConnectionPurpose, more: object) => Link,
): Topology {
  const nodes = new Map<string, Node>()
  const changed = (): void => void cluster.emit('changed')

  cluster.on('+node', (redis: Redis) => {
    nodes.set(nameOf(redis), { redis, link: linkOver(redis) })
    redis.on('ready', changed)
    changed()
  })
  cluster.on('-node', (redis: Redis) => {
    const name = nameOf(redis)
    if (nodes.get(name)?.redis === redis) nodes.delete(name)
    changed()
  })

  return Object.assign(
    lineOver(cluster, () => cluster.status === 'ready'),
    {
      count() {
        const states = [...nodes.values()].map(({ redis }) => redis.status)
        const open = states.filter((status) => status !== 'wait' && status !== 'end').length
        return { open, ready: states.filter((status) => status === 'ready').length }
      },
      owner: (slot: number) => cluster.slots[slot]?.[0],
      link(name: string) {
        const node = nodes.get(name)
        if (node?.redis.status === 'wait') node.redis.connect().catch(() => {})
        return node?.link
      },
      open(name: string, purpose: ConnectionPurpose) {
        const masters = cluster.nodes('master')
        const like = masters.find((node) => nameOf(node) === name) ?? masters[0]
        const colon = name.lastIndexOf(':')
        const address = { host: name.slice(0, colon), port: Number(name.slice(colon + 1)) }
        return like && openLink(like, purpose, { readOnly: false, ...address })
      },
      nodeOf(address: string) {
        const { natMap } = cluster.options
        const mapped = typeof natMap === 'function' ? natMap(address) : natMap?.[address]
        return mapped ? `${mapped.host}:${mapped.port}` : address
      },
      learn(slot: number, name: string) {
        if (nodes.has(name)) cluster.slots[slot] = [name]
      },
      refresh(done?: () => void) {
        if (cluster.status === 'ready') cluster.refreshSlotsCache(() => done?.())
        else done?.()
      },
    },
  )
}
