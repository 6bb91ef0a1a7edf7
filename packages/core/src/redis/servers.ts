import type { Driver, Link, ConnectionPurpose, Topology } from './driver.ts'

/** The server that has a slot now, and how to open a connection of one's own to it. */
export interface Owner {
  readonly node: string
  open(): Link
}

/** Where calls go: to one server, or to the masters of a cluster. */
export interface Servers {
  /** The connection that calls travel on; to a cluster, those to all its masters. */
  readonly commands: Link | Topology
  /** Undefined for one server. */
  readonly cluster: Topology | undefined
  /** Undefined while the master of the slot is not known; one server has every slot. */
  owner(slot: number, purpose: ConnectionPurpose): Owner | undefined
  /** What errors and events call the server of a slot. */
  nameOf(slot: number): string
  /** Asks a cluster again which master has which slot; `done` is called when that ended, however. */
  refresh(done?: () => void): void
}

export function openServers(driver: Driver): Servers {
  return driver.cluster ? serversOf(driver.open()) : serverOf(driver)
}

function serverOf(driver: Extract<Driver, { cluster: false }>): Servers {
  return {
    commands: driver.open('commands'),
    cluster: undefined,
    owner: (_slot, purpose) => ({ node: '', open: () => driver.open(purpose) }),
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
      return { node, open: () => cluster.open(node, purpose) as Link }
    },
    nameOf: (slot) => cluster.owner(slot) ?? 'a master that is not known',
    refresh: (done) => cluster.refresh(done),
  }
}
