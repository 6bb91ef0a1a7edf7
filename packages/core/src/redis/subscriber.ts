import type { Cluster, Redis } from 'ioredis'

import { PenknifeError } from '../errors.ts'
import type { Connection, Connections, Owner } from './connections.ts'
import { replyCode } from './failures.ts'
import type { Route } from './keys.ts'

export interface Listener {
  message(text: string): void
  /** From now on every message comes; what was sent before, or during an interruption, may have been missed. */
  followed(): void
  /** The connection broke: nothing comes until `followed`. */
  interrupted?(): void
}

/**
 * Sharded pub/sub for all of a process: one connection, or on a cluster one for each master in use.
 *
 * Delivery is at most once; who must not miss anything catches up when told `followed`.
 */
export interface Subscriber {
  /** Follows a channel until the function that comes back is called. */
  follow(route: Route, channel: string, listener: Listener): () => void
  close(): void
}

/** How often a quiet connection is probed; without an answer its socket is given up. */
const PROBE_MS = 10_000
/** Before a channel whose master is not known, or not there, is tried again. */
const RETRY_MS = 200

interface Followed {
  readonly channel: string
  readonly slot: number
  readonly listeners: Set<Listener>
  /** The connection that was asked for it. */
  link: Redis | undefined
  /** The server acknowledged it. */
  live: boolean
}

export function createSubscriber(connections: Connections, commands: Connection): Subscriber {
  const channels = new Map<string, Followed>()
  const links = new Map<string, Redis>()
  let closed = false
  let told = false

  /** The connection that serves a slot now; undefined while its master is unknown. */
  function linkFor(slot: number): Redis | undefined {
    const owner: Owner | undefined = connections.cluster
      ? connections.owner(commands as Cluster, slot, 'subscriber')
      : { node: '', open: () => connections.open('subscriber') as Redis }
    return owner && (links.get(owner.node) ?? open(owner))
  }

  function open(owner: Owner): Redis {
    const link = owner.open()
    links.set(owner.node, link)
    const probe = setInterval(() => {
      if (link.status === 'ready') link.ping().catch(() => {})
    }, PROBE_MS)
    probe.unref()
    link.on('smessage', (channel: string, text: string) => {
      for (const listener of channels.get(channel)?.listeners ?? []) listener.message(text)
    })
    link.on('ready', () => followAll(link))
    // A slot moved away (cluster): ask who has it now.
    link.on('moved', () => interrupted(link))
    link.on('close', () => {
      // On a cluster the slots of a master that is gone will be another's: start afresh.
      if (connections.cluster && links.get(owner.node) === link) {
        links.delete(owner.node)
        link.disconnect()
      }
      interrupted(link)
    })
    link.on('end', () => clearInterval(probe))
    return link
  }

  /** The channels of a connection that broke are no longer followed; on a cluster another node may have them. */
  function interrupted(link: Redis): void {
    for (const followed of channels.values()) {
      if (followed.link !== link) continue
      if (followed.live) for (const listener of followed.listeners) listener.interrupted?.()
      followed.live = false
      if (connections.cluster) retry(followed)
    }
  }

  function followAll(link: Redis): void {
    for (const followed of channels.values()) {
      if (!followed.live && linkFor(followed.slot) === link) subscribe(followed)
    }
  }

  function subscribe(followed: Followed): void {
    if (closed || channels.get(followed.channel) !== followed || followed.live) return
    const link = linkFor(followed.slot)
    if (!link) return retry(followed)
    followed.link = link
    // Not connected yet: 'ready' comes back here.
    if (link.status !== 'ready') return
    link.ssubscribe(followed.channel).then(
      () => {
        if (followed.link !== link || link.status !== 'ready') return
        followed.live = true
        for (const listener of followed.listeners) listener.followed()
      },
      (error: unknown) => {
        const code = replyCode(error)
        if (code && code !== 'MOVED' && !told) {
          told = true
          process.emitWarning(`channels cannot be followed: ${String(error)}`, 'PenknifeWarning')
        }
        retry(followed)
      },
    )
  }

  function retry(followed: Followed): void {
    // Its slot may have another master now; nobody else may be asking. ioredis merges what is asked at once.
    if (connections.cluster) (commands as Cluster).refreshSlotsCache()
    setTimeout(() => subscribe(followed), RETRY_MS).unref()
  }

  function unfollow(followed: Followed): void {
    channels.delete(followed.channel)
    const { link } = followed
    if (link?.status === 'ready') link.sunsubscribe(followed.channel).catch(() => {})
  }

  return {
    follow(route, channel, listener) {
      if (closed) throw new PenknifeError('PENKNIFE_CLOSED', 'subscribe: penknife was closed')
      let followed = channels.get(channel)
      if (!followed) {
        followed = { channel, slot: route.slot, listeners: new Set(), link: undefined, live: false }
        channels.set(channel, followed)
      }
      const { listeners } = followed
      listeners.add(listener)
      if (followed.live) listener.followed()
      else if (!followed.link) subscribe(followed)
      const mine = followed
      return () => {
        if (listeners.delete(listener) && listeners.size === 0 && channels.get(channel) === mine)
          unfollow(mine)
      }
    },
    close() {
      closed = true
      channels.clear()
      for (const link of links.values()) (link as Connection).disconnect()
    },
  }
}
