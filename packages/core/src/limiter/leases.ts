import { randomBytes } from 'node:crypto'

import type { Route } from '../redis/keys.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg } from '../redis/script.ts'
import { limiterLease } from '../redis/scripts.gen.ts'
import type { LimiterContext } from './context.ts'
import type { Lease } from './decision-types.ts'

/** Makes the leases of a limiter. */
export interface Leases {
  /** The id of a lease: no two calls of any process have the same. */
  nextId(): string
  /** The handle of slots that were charged under an id; their keys are in one place. */
  create(route: Route, slotKeys: readonly string[], id: string, leaseUs: number): Lease
}

export function createLeases({ bind }: Pick<LimiterContext, 'bind'>): Leases {
  const process = randomBytes(9).toString('base64url')
  let count = 0
  // A batch contains items with as many keys each: a port for each number of slots.
  const ports: Port<[...places: string[], lease: Arg, length: Arg], number>[] = []
  return {
    nextId: () => `${process}${(count++).toString(36)}`,
    create(route, slotKeys, id, leaseUs) {
      const port = (ports[slotKeys.length] ??= bind(limiterLease, []))
      const send = async (us: number): Promise<boolean> => (await port(route, ...slotKeys, id, us)) === 1
      return { leaseMs: leaseUs / 1000, renew: () => send(leaseUs), release: () => send(0) }
    },
  }
}

/** One handle for the slots of several calls. */
export function joinLeases(leases: readonly Lease[]): Lease | undefined {
  if (leases.length <= 1) return leases[0]
  const all = async (run: (lease: Lease) => Promise<boolean>): Promise<boolean> =>
    (await Promise.all(leases.map(run))).every(Boolean)
  return {
    leaseMs: Math.min(...leases.map(({ leaseMs }) => leaseMs)),
    renew: () => all((lease) => lease.renew()),
    release: () => all((lease) => lease.release()),
  }
}
