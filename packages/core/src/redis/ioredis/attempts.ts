import type { Cluster, Redis } from 'ioredis'

import type { Entry } from '../roster.ts'
import type { Connection } from './connection.ts'
import { isReply, neverSent } from './errors.ts'

/** Records why an attempt to connect failed. A connection that breaks and is back at once is not recorded. */
export function watchAttempts(connection: Connection, entry: Entry): void {
  let served = false
  let reached = false
  let error: Error | undefined
  /** Redis' own error. The server may close before it arrives; then a later attempt gets it. */
  let reply: string | undefined
  connection.on('connect', () => (reached = true))
  connection.on('error', (each: Error) => {
    if (!neverSent(each)) error = each
  })
  connection.on('ready', () => {
    served = true
    error = reply = undefined
    entry.connected()
  })
  connection.on('close', () => {
    if (!served) {
      if (isReply(error)) reply = error.message
      const hint = reached ? ' (the server closed it at once: is maxclients reached?)' : ''
      entry.failed(reply ?? `${error?.message ?? 'the connection was closed'}${hint}`)
    }
    served = reached = false
    error = undefined
  })
}

/** As `watchAttempts`, for the connections that a cluster opens to its nodes. */
export function watchNodes(cluster: Cluster, entry: Entry): void {
  const named = (name: string): Redis | undefined => cluster.nodes().find((node) => nameOf(node) === name)
  cluster.on('+node', (node: Redis) => {
    node.on('ready', () => entry.connected(nameOf(node)))
  })
  cluster.on('node error', (error: Error, name: string) => {
    // Also emitted for a late reply about the slots.
    if (named(name)?.status === 'ready') return
    entry.failed(`${name}: ${error.message}`, name)
  })
  cluster.on('refresh', () => entry.keepOnly((name) => named(name) !== undefined))
}

/** Tries unreachable nodes again, so that their state is up to date. */
export function tryNodes(cluster: Cluster): void {
  if (cluster.status !== 'ready') return
  cluster.refreshSlotsCache(() => {
    for (const node of cluster.nodes('master')) if (node.status === 'wait') node.connect().catch(() => {})
  })
}

/** The name of a cluster's node. */
export function nameOf({ options }: Redis): string {
  return `${options.host}:${options.port}`
}
