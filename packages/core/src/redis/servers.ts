import { detached } from '../detached.ts'
import type { Driver, Link, ConnectionPurpose, Topology } from './driver.ts'

/** The server that owns a slot now, and a function that opens another connection to it. */
export interface Owner {
  readonly node: string
  open(): Link
}

/** The servers that get the calls: one server, or the masters of a cluster. */
export interface Servers {
  /** The connection for calls; of a cluster the connections to all its masters. */
  readonly commands: Link | Topology
  /** Undefined for one server. */
  readonly cluster: Topology | undefined
  /** Undefined while the slot's master is not known. A single server owns every slot. */
  owner(slot: number, purpose: ConnectionPurpose): Owner | undefined
  /** The connection for calls to the owner of a slot. Undefined while it is not known. */
  commandsOf(slot: number): Link | undefined
  /** The name of a slot's server in errors and events. */
  nameOf(slot: number): string
  /** Reads from a cluster which master owns which slot. Calls `done` after success and after failure. */
  refresh(done?: () => void): void
}

export function openServers(driver: Driver): Servers {
  return driver.cluster ? serversOf(driver.open()) : serverOf(driver)
}

function serverOf(driver: Extract<Driver, { cluster: false }>): Servers {
  const commands = driver.open('commands')
  return {
    commands,
    commandsOf: () => commands,
    cluster: undefined,
    owner: (_slot, purpose) => ({ node: '', open: () => detached(() => driver.open(purpose)) }),
    nameOf: () => driver.server,
    refresh: (done) => done?.(),
  }
}

function serversOf(cluster: Topology): Servers {
  return {
    commands: cluster,
    cluster,
    owner(slot, purpose) {
      const node = cluster.owner(slot)
      if (node === undefined || !cluster.link(node)) return undefined
      return { node, open: () => detached(() => cluster.open(node, purpose) as Link) }
    },
    commandsOf(slot) {
      const node = cluster.owner(slot)
      return node === undefined ? undefined : cluster.link(node)
    },
    nameOf: (slot) => cluster.owner(slot) ?? 'a master that is not known',
    refresh: (done) => cluster.refresh(done),
  }
}
