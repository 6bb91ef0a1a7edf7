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

/** A command that adds entries 1-1, 2-1 and so on to a stream: as one, because tests send it hundreds of times. */
export function adds(stream: string, count: number, ...fields: readonly Arg[]): readonly Arg[] {
  const each = "for at = 1, tonumber(ARGV[1]) do redis.call('XADD', KEYS[1], at .. '-1', unpack(ARGV, 2)) end"
  return ['EVAL', each, 1, stream, count, ...fields]
}
