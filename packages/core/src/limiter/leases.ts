import { randomBytes } from 'node:crypto'

import type { Route } from '../redis/keys.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg } from '../redis/script.ts'
import { limiterLease } from '../redis/scripts.gen.ts'
import type { Told } from './decide.ts'
import type { Charge, PlanContext } from './plan.ts'
import type { Lease, Subject } from './types.ts'

/** Names slots so that no two calls of any process have the same. */
export function createLeaseIds(): () => string {
  const process = randomBytes(9).toString('base64url')
  let count = 0
  return () => `${process}${(count++).toString(36)}`
}

export type MakeLease = (charge: Charge, subject: Subject, id: string, told: Told) => Lease | undefined

/** Makes the handle of the slots that a call was charged; undefined when it was charged none. */
export function createMakeLease({ bind }: Pick<PlanContext, 'bind'>): MakeLease {
  // A batch holds items with as many keys each: a port for each number of slots.
  const ports: Port<[...places: string[], lease: Arg, length: Arg], number>[] = []
  return (charge, subject, id, told) => {
    const { leaseUs } = charge
    const slots = leaseUs === undefined ? [] : charge.slots(subject, told)
    if (leaseUs === undefined || slots.length === 0) return undefined
    const port = (ports[slots.length] ??= bind(limiterLease, []))
    const { route } = charge.places(subject)
    const send = async (us: number): Promise<boolean> =>
      (await port(route satisfies Route, ...slots, id, us)) === 1
    return { leaseMs: leaseUs / 1000, renew: () => send(leaseUs), release: () => send(0) }
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
