import { invalid } from '../../errors.ts'
import type { Driver } from '../driver.ts'
import type { Roster } from '../roster.ts'
import { type Client, settingsOf } from './client.ts'
import { type Cluster, clusterOptionsOf } from './cluster.ts'
import { openLink } from './link.ts'
import { clientOfMaster, type Sentinel, sentinelOptionsOf } from './sentinel.ts'
import { openTopology } from './topology.ts'

/** Opens connections with the host, TLS, database, user and password of the application's client. */
export function createClientDriver(given: Client, roster: Roster): Driver {
  const { keyPrefix, database = 0, socket } = given.options ?? {}
  return {
    cluster: false,
    keyPrefix: checked(keyPrefix),
    db: database,
    server: socket?.path ?? `${socket?.host ?? 'localhost'}:${socket?.port ?? 6379}`,
    open: (purpose) => openLink(() => given.duplicate(settingsOf(given)), purpose, roster),
  }
}

/** Opens connections to the master that Sentinel names, with the settings of the application's client. */
export function createSentinelDriver(given: Sentinel, roster: Roster): Driver {
  const options = sentinelOptionsOf(given)
  const { keyPrefix, name, nodeClientOptions } = options
  return {
    cluster: false,
    keyPrefix: checked(keyPrefix ?? nodeClientOptions?.keyPrefix),
    db: nodeClientOptions?.database ?? 0,
    server: name,
    open: (purpose) => openLink((signal) => clientOfMaster(given, options, signal), purpose, roster),
  }
}

/** Opens connections to the masters of the application's cluster. */
export function createClusterDriver(given: Cluster, roster: Roster): Driver {
  const options = clusterOptionsOf(given)
  return {
    cluster: true,
    keyPrefix: checked(options.keyPrefix ?? options.defaults?.keyPrefix),
    db: 0,
    open: () => openTopology(given, options, roster),
  }
}

function checked(keyPrefix: string = ''): string {
  if (!/[{}]/.test(keyPrefix)) return keyPrefix
  throw invalid(
    'keyPrefix',
    keyPrefix,
    'penknife places keys by a hash tag of its own; use a prefix without braces',
  )
}
