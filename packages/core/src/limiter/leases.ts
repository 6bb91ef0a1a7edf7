import { randomBytes } from 'node:crypto'

import { createLease } from '../lease.ts'
import type { Route } from '../redis/keys.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg } from '../redis/script.ts'
import { limiterLease } from '../redis/scripts.gen.ts'
import type { LimiterContext } from './context.ts'
import type { LimiterLease } from './decision-types.ts'

/** A charge's slots in Redis. Every `release` is a script call. */
export type SlotLease = Pick<LimiterLease, 'leaseMs' | 'renew' | 'release'>

/** Creates the leases of a limiter. */
export interface Leases {
  /** A lease id that is unique among all processes. */
  nextId(): string
  /** The handle of slots that were charged with an id. Their keys are in the same hash slot. */
  create(route: Route, slotKeys: readonly string[], id: string, leaseUs: number): SlotLease
}

export function createLeases({ bind }: Pick<LimiterContext, 'bind'>): Leases {
  const process = randomBytes(9).toString('base64url')
  let count = 0
  // All items of a batch have the same number of keys, so there is a port for each number.
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

/** One handle for the leases of several charges. */
export function joinLeases(leases: readonly LimiterLease[]): LimiterLease | undefined {
  if (leases.length <= 1) return leases[0]
  const all = async (run: (lease: LimiterLease) => Promise<boolean>): Promise<boolean> =>
    (await Promise.all(leases.map(run))).every(Boolean)
  return {
    leaseMs: Math.min(...leases.map(({ leaseMs }) => leaseMs)),
    renew: () => all((lease) => lease.renew()),
    ...createLease(() => all((lease) => lease.release())),
  }
}
