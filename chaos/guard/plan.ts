import type { Sabotage } from '../harness/sabotage.ts'

export const SPACE = 'chaos'
export const LEASE_MS = 1000
/** Keys of the lock. Its holders write objects with the same names. */
export const LOCKS = ['a', 'b', 'c'] as const
export const PERMITS = 3
export const SKUS = ['sku-0', 'sku-1', 'sku-2', 'sku-3'] as const
/** Stocks so small that each runs out. */
export const STOCK = 40
export const RESERVED_MS = 1000

/** What each process does, again and again. */
export const LOOPS = ['lock', 'permit', 'stock', 'once'] as const
export type Loop = (typeof LOOPS)[number]

/** The configuration of each process. */
export interface MemberConfig {
  readonly url: string
  readonly seed: number
  readonly sabotage: readonly Sabotage[]
  /** The longest time for which a process keeps a lock. */
  readonly holdMs: number
  readonly loops: readonly Loop[]
}

/** Fields that the harness adds. */
export interface MemberLife {
  readonly folder: string
  readonly life: string
}
