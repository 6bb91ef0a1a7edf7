import { hostname } from 'node:os'

import { type Duration, durationMs } from '../duration.ts'
import { checkText } from '../options.ts'
import type { LockOptions } from './lock-types.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
export const LONGEST_LABEL = 128

/** Checks the options that all kinds of leases have. */
export function leaseOptions(options: LockOptions): {
  readonly leaseMs: number
  readonly mostMs: number
  readonly waitMs: number
  readonly label: string
} {
  const leaseMs = Math.ceil(durationMs('lease', options.lease ?? '10s', { min: 1000, max: HOUR_MS }))
  const most = Math.max(leaseMs, 15 * 60_000)
  return {
    leaseMs,
    mostMs: durationMs('maxHold', options.maxHold ?? most, { min: leaseMs, max: 366 * DAY_MS }),
    waitMs: waitOf(options.wait ?? '30s'),
    label: checkText('label', options.label ?? `${hostname()}:${process.pid}`, LONGEST_LABEL),
  }
}

export function waitOf(wait: Duration): number {
  return durationMs('wait', wait, { min: 0, max: DAY_MS })
}
