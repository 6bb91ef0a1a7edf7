import type { Cluster, Redis } from 'ioredis'

import type { Entry } from '../roster.ts'
import type { Connection } from './connection.ts'
import { isReply, neverSent } from './errors.ts'

/** Notes why connecting failed; a connection that is cut and comes back at once is not worth a word. */
export function watchAttempts(connection: Connection, entry: Entry): void {
  let served = false
  let reached = false
  let error: Error | undefined
  /** What Redis itself said. A server that says why it closes may close before it was heard: another attempt will hear it. */
  let said: string | undefined
  connection.on('connect', () => (reached = true))
  connection.on('error', (each: Error) => {
    if (!neverSent(each)) error = each
  })
  connection.on('ready', () => {
    served = true
    error = said = undefined
    entry.connected()
  })
  connection.on('close', () => {
    if (!served) {
      if (isReply(error)) said = error.message
      const hint = reached ? ' (the server closed it at once: is maxclients reached?)' : ''
      entry.failed(said ?? `${error?.message ?? 'the connection was closed'}${hint}`)
    }
    served = reached = false
    error = undefined
  })
}

/** As `watchAttempts`, of the connections to the nodes of a cluster, which the cluster makes and drops. */
export function watchNodes(cluster: Cluster, entry: Entry): void {
  const named = (name: string): Redis | undefined => cluster.nodes().find((node) => nameOf(node) === name)
  cluster.on('+node', (node: Redis) => {
    node.on('ready', () => entry.connected(nameOf(node)))
  })
  cluster.on('node error', (error: Error, name: string) => {
    // It also tells of an answer about the slots that came late.
    if (named(name)?.status === 'ready') return
    entry.failed(`${name}: ${error.message}`, name)
  })
  cluster.on('refresh', () => entry.keepOnly((name) => named(name) !== undefined))
}

/** Connects nodes that could not be reached, so that what is known of them is not of long ago. */
export function tryNodes(cluster: Cluster): void {
  if (cluster.status !== 'ready') return
  cluster.refreshSlotsCache(() => {
    for (const node of cluster.nodes('master')) if (node.status === 'wait') node.connect().catch(() => {})
  })
}

/** What ioredis calls a node of a cluster. */
export function nameOf({ options }: Redis): string {
  return `${options.host}:${options.port}`
}
