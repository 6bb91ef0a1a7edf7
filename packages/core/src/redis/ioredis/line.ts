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

/** The names of the events in ioredis. Events about nodes are in topology.ts. */
const NAMES = {
  ready: 'ready',
  closed: 'close',
  message: 'smessage',
  moved: 'moved',
  changed: 'changed',
} as const

const ignore = (): void => {}

export function lineOver(connection: Connection, isReady: () => boolean): Line {
  let lastError: Error | undefined
  connection.on('error', (error: Error) => {
    // An error about an unsent command only repeats the error before it.
    if (!neverSent(error)) lastError = error
    // ioredis listens for one error of a socket. A connection that is closed while its TLS handshake fails has two: about the
    // certificate, then about the handshake that was cut. The second would end the process.
    if ('stream' in connection) connection.stream.on('error', ignore)
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
      const notify = listener as (...args: unknown[]) => void
      const handler = event === 'closed' ? () => notify(lastError) : notify
      connection.on(NAMES[event], handler)
      return () => void connection.off(NAMES[event], handler)
    },
    reconnect: () => connection.disconnect(true),
    async close() {
      // Only an open connection has an end that the server closes.
      const ended = connection.status === 'ready' && new Promise((resolve) => connection.once('end', resolve))
      connection.disconnect()
      await ended
    },
  }
}

/** A connection to one server as a Link. */
export function linkOver(redis: Redis): Link {
  // On connections to the nodes of a cluster, ioredis would queue commands that it cannot write.
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
    // ioredis would continue in database 0.
    if (error.command?.name === 'select') connection.disconnect(true)
  })
  if (cluster) watchNodes(cluster, entry)
  watchAttempts(connection, entry)
  const closed = keepReconnecting(connection)
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

/** Connects again until `closed` is called. ioredis gives up when a connector fails, in spite of its retry strategies. */
function keepReconnecting(connection: Connection): () => boolean {
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
