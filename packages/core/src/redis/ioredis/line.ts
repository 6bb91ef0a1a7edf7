import type { Cluster, Redis } from 'ioredis'

import { backoff } from '../backoff.ts'
import { type Line, type LineEvents, type Link, silenceMs, type ConnectionPurpose } from '../driver.ts'
import type { Roster } from '../roster.ts'
import { watchAttempts, watchNodes, tryNodes } from './attempts.ts'
import type { Connection } from './connection.ts'
import { call, createSend } from './direct.ts'
import { neverSent } from './errors.ts'
import { createFollowing } from './following.ts'
import { watchSilence } from './silence.ts'

/** How ioredis calls the events; it tells of nodes in a way of its own (topology.ts). */
const NAMES = {
  ready: 'ready',
  closed: 'close',
  message: 'smessage',
  moved: 'moved',
  changed: 'changed',
} as const

export function lineOver(connection: Connection, isReady: () => boolean): Line {
  let lastError: Error | undefined
  connection.on('error', (error: Error) => {
    // What ioredis could not send because of the error before says nothing new.
    if (!neverSent(error)) lastError = error
  })
  connection.on('ready', () => (lastError = undefined))
  return {
    get ready() {
      return isReady()
    },
    get status() {
      return connection.status
    },
    get lastError() {
      return lastError
    },
    call: (command, ...args) => call(connection, command, args),
    on<Event extends keyof LineEvents>(event: Event, listener: (...of: LineEvents[Event]) => void) {
      const tell = listener as (...args: unknown[]) => void
      const heard = event === 'closed' ? () => tell(lastError) : tell
      connection.on(NAMES[event], heard)
      return () => void connection.off(NAMES[event], heard)
    },
    lookAgain: () => connection.disconnect(true),
    async close() {
      // Otherwise nothing is there that the server could close.
      const ended = connection.status === 'ready' && new Promise((resolve) => connection.once('end', resolve))
      connection.disconnect()
      await ended
    },
  }
}

/** A connection to one server as a Link. */
export function linkOver(redis: Redis): Link {
  // ioredis would queue what it cannot write, on connections to the nodes of a cluster.
  const isReady = (): boolean => redis.status === 'ready' && redis.stream.writable
  return Object.assign(lineOver(redis, isReady), {
    send: createSend(redis),
    cork: () => redis.stream?.cork(),
    uncork: () => redis.stream?.uncork(),
    ...createFollowing(redis),
  })
}

/** Makes a connection penknife's own until it is closed: known to the roster, given up when silent, never given up for good. */
export function own<L extends Line>(
  line: L,
  connection: Connection,
  purpose: ConnectionPurpose,
  roster: Roster,
): L {
  const cluster = connection.isCluster ? (connection as Cluster) : undefined
  const entry = roster.add(line, purpose, cluster && (() => tryNodes(cluster)))
  const stopWatching = watchSilence(connection, silenceMs(purpose))
  connection.on('error', (error: Error & { command?: { name: string } }) => {
    // ioredis would go on in database 0.
    if (error.command?.name === 'select') connection.disconnect(true)
  })
  if (cluster) watchNodes(cluster, entry)
  watchAttempts(connection, entry)
  const closed = comeBack(connection)
  const { close } = line
  line.close = () => {
    if (closed()) {
      entry.closed()
      stopWatching()
    }
    return close()
  }
  return line
}

/** Where a connector fails ioredis gives up, whatever its strategies say: connects again, until `closed` is called. */
function comeBack(connection: Connection): () => boolean {
  let closed = false
  let times = 0
  connection.on('ready', () => (times = 0))
  connection.on('end', () => {
    if (closed) return
    setTimeout(() => {
      if (!closed) connection.connect().catch(() => {})
    }, backoff(++times)).unref()
  })
  return () => {
    if (closed) return false
    closed = true
    return true
  }
}
