import type { Cluster, Redis } from 'ioredis'

import { backoff } from './backoff.ts'
import type { Connection, Purpose } from './connections.ts'
import { isReply, neverSent } from './failures.ts'
import { watchSilence } from './silence.ts'

/** The connections that penknife has open for one purpose. */
export interface ConnectionHealth {
  /** `reader`: of a stream's worker, or of a replay that follows; `durable`: of adds with `durability`. */
  readonly purpose: Purpose
  /** How many there are; on a cluster those to several masters may count as one. */
  readonly open: number
  readonly ready: number
  /** Why one of them cannot connect; undefined when all are ready or only begin to connect. */
  readonly reason: string | undefined
}

/** Every connection that penknife has open. */
export interface Roster {
  /** Keeps a connection until it is closed by `disconnect()`, with at the most so much silence while replies are due. */
  add(connection: Connection, purpose: Purpose, silenceMs: number): void
  /** Why a connection could not be made the last time that it was tried; undefined when it is there, or only begins to connect. */
  reasonOf(connection: Connection): string | undefined
  /** What there is now; what could not connect is tried again. */
  look(): readonly ConnectionHealth[]
}

interface Entry {
  readonly connection: Connection
  readonly purpose: Purpose
  /** Why it, or the node of a cluster with that name, could not connect the last time it was tried. */
  readonly reasons: Map<string, string>
}

/** `told` is called when the connections for a purpose cannot connect, with the reason, and when all could. */
export function createRoster(told: (purpose: Purpose, reason: string | undefined) => void): Roster {
  const entries = new Set<Entry>()
  const troubled = new Set<Purpose>()

  function reasonFor(purpose: Purpose): string | undefined {
    for (const entry of entries) {
      if (entry.purpose === purpose) for (const reason of entry.reasons.values()) return reason
    }
    return undefined
  }

  function changed({ purpose }: Entry): void {
    const reason = reasonFor(purpose)
    if ((reason !== undefined) === troubled.has(purpose)) return
    if (reason === undefined) troubled.delete(purpose)
    else troubled.add(purpose)
    told(purpose, reason)
  }

  return {
    add(connection, purpose, silenceMs) {
      const entry: Entry = { connection, purpose, reasons: new Map() }
      entries.add(entry)
      const stopWatching = watchSilence(connection, silenceMs)
      if (connection.isCluster) watchNodes(connection as Cluster, entry.reasons, () => changed(entry))
      watchAttempts(connection, entry.reasons, () => changed(entry))
      comeBack(connection, () => {
        entries.delete(entry)
        stopWatching()
        changed(entry)
      })
    },
    reasonOf(connection) {
      for (const entry of entries) {
        if (entry.connection === connection) for (const reason of entry.reasons.values()) return reason
      }
      return undefined
    },
    look() {
      const found = new Map<Purpose, { open: number; ready: number }>()
      for (const { connection, purpose, reasons } of entries) {
        const sums = found.get(purpose) ?? { open: 0, ready: 0 }
        found.set(purpose, sums)
        sums.open += 1
        if (connection.status === 'ready' && reasons.size === 0) sums.ready += 1
        if (connection.isCluster && reasons.size > 0) tryNodes(connection as Cluster)
      }
      return [...found].map(([purpose, sums]) => ({ purpose, ...sums, reason: reasonFor(purpose) }))
    },
  }
}

const ITSELF = ''

/** Notes why connecting failed; a connection that is cut and comes back at once is not worth a word. */
function watchAttempts(connection: Connection, reasons: Map<string, string>, changed: () => void): void {
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
    if (reasons.delete(ITSELF)) changed()
  })
  connection.on('close', () => {
    if (!served) {
      if (isReply(error)) said = error.message
      const hint = reached ? ' (the server closed it at once: is maxclients reached?)' : ''
      reasons.set(ITSELF, said ?? `${error?.message ?? 'the connection was closed'}${hint}`)
      changed()
    }
    served = reached = false
    error = undefined
  })
}

/** As `watchAttempts`, of the connections to the nodes of a cluster, which the cluster makes and drops. */
function watchNodes(cluster: Cluster, reasons: Map<string, string>, changed: () => void): void {
  const named = (name: string): Redis | undefined =>
    cluster.nodes().find(({ options }) => `${options.host}:${options.port}` === name)
  cluster.on('+node', (node: Redis) => {
    node.on('ready', () => {
      if (reasons.delete(`${node.options.host}:${node.options.port}`)) changed()
    })
  })
  cluster.on('node error', (error: Error, name: string) => {
    // It also tells of an answer about the slots that came late.
    if (named(name)?.status === 'ready') return
    reasons.set(name, `${name}: ${error.message}`)
    changed()
  })
  cluster.on('refresh', () => {
    const before = reasons.size
    for (const name of reasons.keys()) if (name !== ITSELF && !named(name)) reasons.delete(name)
    if (reasons.size < before) changed()
  })
}

/** Connects nodes that could not be reached, so that what is known of them is not of long ago. */
function tryNodes(cluster: Cluster): void {
  if (cluster.status !== 'ready') return
  cluster.refreshSlotsCache(() => {
    for (const node of cluster.nodes('master')) if (node.status === 'wait') node.connect().catch(() => {})
  })
}

/** Where a connector fails ioredis gives up, whatever its strategies say: connects again, until it is closed. */
function comeBack(connection: Connection, onClosed: () => void): void {
  let closed = false
  let times = 0
  const disconnect = connection.disconnect.bind(connection)
  connection.disconnect = (reconnect = false) => {
    if (!reconnect && !closed) {
      closed = true
      // A command that waits to be sent again (TRYAGAIN) would be queued for ever by a cluster that has ended.
      if (connection.isCluster) (connection as Cluster).options.enableOfflineQueue = false
      onClosed()
    }
    disconnect(reconnect)
  }
  connection.on('ready', () => (times = 0))
  connection.on('end', () => {
    if (closed) return
    setTimeout(() => {
      if (!closed) connection.connect().catch(() => {})
    }, backoff(++times)).unref()
  })
}
