import { invalid } from '../../errors.ts'
import type { Driver } from '../driver.ts'
import type { Roster } from '../roster.ts'
import type { Client } from './client.ts'
import { openLink } from './link.ts'

/** Opens connections like the given client of node-redis: with its host, TLS, database, user and password. */
export function createNodeRedisDriver(given: Client, roster: Roster): Driver {
  const { keyPrefix = '', database = 0, socket } = given.options ?? {}
  if (/[{}]/.test(keyPrefix)) {
    throw invalid(
      'keyPrefix',
      keyPrefix,
      'penknife places keys by a hash tag of its own; use a prefix without braces',
    )
  }
  return {
    cluster: false,
    keyPrefix,
    db: database,
    server: socket?.path ?? `${socket?.host ?? 'localhost'}:${socket?.port ?? 6379}`,
    open: (purpose) => openLink(given, purpose, roster),
  }
}
