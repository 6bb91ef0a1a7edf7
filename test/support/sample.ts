import type { Arg, SharedArg } from '../../packages/core/src/redis/script.ts'

/** One item of a script as a feature would send it, and the type of its reply. */
export interface Sample {
  readonly returns: 'integer' | 'integers' | 'string' | 'list' | 'null'
  readonly shared?: readonly SharedArg[]
  readonly item: readonly Arg[]
  /** Commands that prepare the keys. */
  readonly before?: readonly (readonly Arg[])[]
  /** Pub/sub channels that the script publishes on. */
  readonly channels?: readonly string[]
}
