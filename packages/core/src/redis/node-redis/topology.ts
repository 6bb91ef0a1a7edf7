import { EventEmitter } from 'node:events'

import { backoff } from '../backoff.ts'
import { type LineEvents, type Link, NotSent, type ConnectionPurpose, type Topology } from '../driver.ts'
import type { Entry, Roster } from '../roster.ts'
import { settingsOf } from './client.ts'
import {
  addressOf,
  askRoot,
  type Cluster,
  type ClusterOptions,
  mapped,
  patternOf,
  type Slots,
  slotsOf,
} from './cluster.ts'
import { openLink } from './link.ts'

/** The time limit for the reply to CLUSTER SLOTS. */
const SLOTS_MS = 1000

/**
 * A cluster: a connection to each master, and the slots that it owns. node-redis' own cluster is only used to create
 * clients. It gives up when no node is reachable at the start, and reads the slots only at times of its own choice.
 */
export function openTopology(given: Cluster, options: ClusterOptions, roster: Roster): Topology {
  const pattern = patternOf(given, options)
  const events = new EventEmitter().setMaxListeners(0)
  const nodes = new Map<string, Link>()
  let slots: (string | undefined)[] = []
  let state: 'connecting' | 'ready' | 'closed' = 'connecting'
  let lastError: Error | undefined
  let looking: Promise<void> | undefined
  let lookingSoon: NodeJS.Timeout | undefined
  let times = 0

  function open(name: string, purpose: ConnectionPurpose, known: Pick<Roster, 'add'> = roster): Link {
    return openLink(() => pattern.duplicate(settingsOf(pattern, addressOf(name))), purpose, known)
  }

  function openNode(name: string): Link {
    // A part of the cluster's own entry.
    const node: Entry = {
      connected: () => entry.connected(name),
      failed: (reason) => entry.failed(`${name}: ${reason}`, name),
      keepOnly() {},
      closed() {},
    }
    const link = open(name, 'commands', { add: () => node })
    link.on('ready', () => {
      if (nodes.get(name) !== link) return
      if (state === 'connecting') {
        state = 'ready'
        times = 0
        lastError = undefined
        events.emit('ready')
      }
      events.emit('changed')
    })
    link.on('closed', (cause) => {
      if (nodes.get(name) !== link) return
      lastError = cause ?? lastError
      noticeLoss(cause)
      lookSoon()
    })
    return link
  }

  function oneReady(): Link | undefined {
    const ready = [...nodes.values()].filter((link) => link.ready)
    return ready[Math.floor(Math.random() * ready.length)]
  }

  function noticeLoss(cause: Error | undefined): void {
    if (state !== 'ready' || oneReady()) return
    state = 'connecting'
    events.emit('closed', cause)
  }

  async function ask(): Promise<Slots> {
    for (const [name, link] of nodes) {
      if (!link.ready) continue
      const reply = await within(SLOTS_MS, link.call('cluster', 'slots')).catch(() => undefined)
      if (Array.isArray(reply) && reply.length > 0) return slotsOf(reply, addressOf(name).host, options)
    }
    let last: unknown = new Error('rootNodes of the cluster is empty')
    for (const nth of options.rootNodes.keys()) {
      try {
        return await askRoot(pattern, options, nth)
      } catch (error) {
        last = error
      }
    }
    throw last
  }

  async function look(): Promise<void> {
    try {
      const found = await ask()
      if (state === 'closed') return
      adopt(found)
      entry.connected()
    } catch (error) {
      if (state === 'closed') return
      lastError = error as Error
      entry.failed(lastError.message)
      if (state === 'connecting') events.emit('closed', lastError)
    }
    if (nodes.size === 0 || [...nodes.values()].some((link) => !link.ready)) lookSoon()
  }

  function adopt(found: Slots): void {
    slots = [...found]
    const masters = new Set(found)
    for (const [name, link] of nodes) {
      if (masters.has(name)) continue
      nodes.delete(name)
      void link.close()
    }
    for (const name of masters) if (name !== undefined && !nodes.has(name)) nodes.set(name, openNode(name))
    entry.keepOnly((name) => masters.has(name))
    noticeLoss(undefined)
    events.emit('changed')
  }

  function lookNow(): Promise<void> {
    looking ??= look().finally(() => (looking = undefined))
    return looking
  }

  function lookSoon(): void {
    if (state === 'closed') return
    lookingSoon ??= setTimeout(() => {
      lookingSoon = undefined
      void lookNow()
    }, backoff(++times))
  }

  const topology: Topology = {
    get ready() {
      return state === 'ready'
    },
    get status() {
      return state
    },
    get lastError() {
      return lastError
    },
    async call(command, ...args) {
      const link = oneReady()
      if (!link) throw new NotSent('no master of the cluster is connected')
      return await link.call(command, ...args)
    },
    on<Event extends keyof LineEvents>(event: Event, listener: (...of: LineEvents[Event]) => void) {
      const handler = listener as (...of: unknown[]) => void
      events.on(event, handler)
      return () => void events.off(event, handler)
    },
    reconnect() {
      for (const link of nodes.values()) link.reconnect()
    },
    async close() {
      if (state === 'closed') return
      state = 'closed'
      clearTimeout(lookingSoon)
      entry.closed()
      await Promise.all([...nodes.values()].map((link) => link.close()))
      events.emit('closed', undefined)
    },
    count: () => ({
      open: nodes.size,
      ready: [...nodes.values()].filter((link) => link.ready).length,
    }),
    owner: (slot) => slots[slot],
    link: (name) => nodes.get(name),
    open: (name, purpose) => (nodes.size > 0 ? open(name, purpose) : undefined),
    nodeOf: (address) => mapped(address, options),
    learn(slot, name) {
      if (nodes.has(name)) slots[slot] = name
    },
    refresh(done) {
      if (state === 'ready') void lookNow().then(done)
      else done?.()
    },
  }
  const entry = roster.add(topology, 'commands', () => topology.refresh())
  void lookNow()
  return topology
}

function within(ms: number, reply: Promise<unknown>): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms).unref()
  })
  return Promise.race([reply, late]).finally(() => clearTimeout(timer))
}
