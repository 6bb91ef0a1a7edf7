import type { Sabotage } from '../harness/sabotage.ts'

export const SPACE = 'chaos'
export const LEASE_MS = 1000
/** Keys of the lock, and objects of the same names that its holders write. */
export const LOCKS = ['a', 'b', 'c'] as const
export const PERMITS = 3
export const SKUS = ['sku-0', 'sku-1', 'sku-2', 'sku-3'] as const
/** So little that each of them runs out. */
export const STOCK = 40
export const RESERVED_MS = 1000

/** What each process is given. */
export interface MemberConfig {
  readonly url: string
  readonly seed: number
  readonly sabotage: readonly Sabotage[]
  /** How long a lock is held at the most. */
  readonly holdMs: number
}

/** And what the harness adds. */
export interface MemberLife {
  readonly folder: string
  readonly life: string
}
