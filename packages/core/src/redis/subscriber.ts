import { reportFault } from '../callbacks.ts'
import { detached } from '../detached.ts'
import { PenknifeError } from '../errors.ts'
import { warn } from '../warn.ts'
import type { Link } from './driver.ts'
import { isReply, refusesNow } from './failures.ts'
import type { Route } from './keys.ts'
import type { Refusals } from './refusals.ts'
import type { Owner, Servers } from './servers.ts'

export interface Listener {
  message(text: string): void
  /** From now on every message is delivered. Messages sent before, or during an interruption, may be missing. */
  followed(): void
  /** The connection broke. No message is delivered until `followed`. */
  interrupted?(): void
}

/**
 * Sharded pub/sub for a whole process: one connection, or on a cluster one for each master in use.
 *
 * A message is delivered at most once. A listener that must not miss any catches up when `followed` is called.
 */
export interface Subscriber {
  /** Follows a channel. Returns a function that ends it. */
  follow(route: Route, channel: string, listener: Listener): () => void
  /** Gives a message that this process sent to its own listeners at once, which may get it again. */
  tell(channel: string, text: string): void
  close(): void
}

/** Time between two PINGs on a connection. A socket without an answer is closed. */
const PROBE_MS = 10_000
/** Wait before a channel is tried again whose master is unknown or not connected. */
const RETRY_MS = 200

/** The name of the refused call when a user may not follow channels. */
const FOLLOWING = 'ssubscribe'

interface Followed {
  readonly channel: string
  readonly slot: number
  readonly listeners: Set<Listener>
  /** `idle` until its connection is ready or it is tried again, `subscribing` until the server has answered. */
  state: 'idle' | 'subscribing' | 'live'
  /** The connection that follows it, or tries to. */
  link: Link | undefined
}

export function createSubscriber(
  servers: Servers,
  refusals: Refusals,
  tried: (command: 'SSUBSCRIBE', error?: unknown) => void,
): Subscriber {
  const channels = new Map<string, Followed>()
  const links = new Map<string, Link>()
  let closed = false
  /** Whether a refusal was reported. */
  let refusalReported = false
  let reported = false
  let retrying: NodeJS.Timeout | undefined

  /** The connection that serves a slot now; undefined while its master is unknown. */
  function linkFor(slot: number): Link | undefined {
    const owner = servers.owner(slot, 'subscriber')
    return owner && (links.get(owner.node) ?? detached(() => open(owner)))
  }

  function open(owner: Owner): Link {
    const link = owner.open()
    links.set(owner.node, link)
    const probe = setInterval(() => {
      if (links.get(owner.node) !== link) clearInterval(probe)
      else if (link.ready) link.call('ping').catch(() => {})
    }, PROBE_MS)
    probe.unref()
    link.on('message', tell)
    link.on('ready', () => followAll(link))
    // On a cluster a slot moved to another master. 'moved' is emitted once for each channel, and possibly before the promise of
    // an earlier acknowledgement has settled.
    let moved: NodeJS.Immediate | undefined
    link.on('moved', () => {
      moved ??= setImmediate(() => {
        moved = undefined
        interrupted(link)
      })
    })
    link.on('closed', () => {
      // On a cluster another master takes over the slots.
      if (servers.cluster && links.get(owner.node) === link) {
        links.delete(owner.node)
        void link.close()
      }
      interrupted(link)
    })
    return link
  }

  function tell(channel: string, text: string): void {
    // Runs inside the client's parser: an error here would end the process.
    for (const listener of channels.get(channel)?.listeners ?? []) safely(() => listener.message(text))
  }

  function safely(notify: () => void): void {
    try {
      notify()
    } catch (error) {
      report(error)
    }
  }

  /** Reports the first error of a message or a listener. Only the first, because any publisher could cause them without end. */
  function report(fault: unknown): void {
    if (reported) return
    reported = true
    reportFault('a message or an acknowledgement of a channel could not be handled', fault)
  }

  /** The channels of a connection that broke are no longer followed; on a cluster another node may have them. */
  function interrupted(link: Link): void {
    for (const followed of channels.values()) {
      if (followed.link !== link || followed.state !== 'live') continue
      followed.state = 'idle'
      for (const listener of followed.listeners) safely(() => listener.interrupted?.())
    }
    retry()
  }

  function followAll(link: Link): void {
    for (const followed of channels.values()) {
      if (followed.state === 'idle' && linkFor(followed.slot) === link) subscribe(followed)
    }
  }

  function subscribe(followed: Followed): void {
    const link = linkFor(followed.slot)
    if (!link) return retry()
    // Not connected yet: the event 'ready' calls this again.
    if (!link.ready) return
    followed.link = link
    followed.state = 'subscribing'
    link.ssubscribe(followed.channel).then(
      () => {
        followed.state = link.ready ? 'live' : 'idle'
        if (followed.state !== 'live') return
        if (refusals.any) refusals.done(FOLLOWING)
        tried('SSUBSCRIBE')
        for (const listener of followed.listeners) safely(() => listener.followed())
      },
      (error: unknown) => {
        followed.state = 'idle'
        refusals.refused(FOLLOWING, error)
        tried('SSUBSCRIBE', error)
        if (isReply(error) && !refusesNow(error) && !refusalReported) {
          refusalReported = true
          warn('PENKNIFE_CHANNELS', `channels cannot be followed: ${String(error)}`)
        }
        retry()
      },
    )
  }

  /** One timer for all channels, because many may lose their connection at once. */
  function retry(): void {
    if (retrying || closed) return
    // Slots may have another master now. Without other calls nothing else would look it up.
    servers.refresh()
    retrying = setTimeout(() => {
      retrying = undefined
      for (const followed of channels.values()) if (followed.state === 'idle') subscribe(followed)
    }, RETRY_MS)
    retrying.unref()
  }

  function unfollow(followed: Followed): void {
    channels.delete(followed.channel)
    const { link } = followed
    if (followed.state !== 'idle' && link?.ready) link.sunsubscribe(followed.channel).catch(() => {})
  }

  return {
    tell,
    follow(route, channel, listener) {
      if (closed) throw new PenknifeError('PENKNIFE_CLOSED', 'subscribe: penknife was closed')
      let followed = channels.get(channel)
      if (!followed) {
        followed = { channel, slot: route.slot, listeners: new Set(), state: 'idle', link: undefined }
        channels.set(channel, followed)
        subscribe(followed)
      }
      const { listeners } = followed
      listeners.add(listener)
      if (followed.state === 'live') listener.followed()
      const mine = followed
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) unfollow(mine)
      }
    },
    close() {
      closed = true
      clearTimeout(retrying)
      channels.clear()
      for (const link of links.values()) void link.close()
      links.clear()
    },
  }
}
