import type { Penknife } from '@penknife/core'
import type { Redis } from 'ioredis'

import type { Arg, Script, SharedArg } from '../../packages/core/src/redis/script.ts'
import * as generated from '../../packages/core/src/redis/scripts.gen.ts'
import { type Sample, SAMPLES } from './samples.ts'

export type AnyScript = Script<readonly SharedArg[], readonly Arg[], unknown>
export type Command = readonly [name: string, ...args: Arg[]]

/** Every sample of every published script. */
export const SCRIPT_CASES = (Object.values(generated) as readonly AnyScript[]).flatMap((script) =>
  (SAMPLES[script.name] ?? []).map((sample, at) => ({
    name: `${script.name}, sample ${at + 1}`,
    script,
    sample,
  })),
)

/** The keys that a sample's call names. */
export function keysOf({ sharedKeys, args }: AnyScript, { item, shared = [] }: Sample): string[] {
  const own = item.slice(0, item.length - args.length).map(String)
  return [...new Set([...(sharedKeys ? (shared[0] as readonly string[]) : []), ...own])]
}

/** What EVAL and EVALSHA take after the script, for a batch with the sample's item `times` times. */
export function evalArgs(script: AnyScript, { item, shared = [] }: Sample, times: number = 1): Arg[] {
  const each = Array.from({ length: times }, () => item)
  const first = item.length - script.args.length
  const keys = each.flatMap((values) => values.slice(0, first))
  const args = each.flatMap((values) => values.slice(first))
  const own = script.sharedKeys ? (shared[0] as readonly string[]) : []
  const values = (script.sharedKeys ? shared.slice(1) : shared) as Arg[]
  return [own.length + keys.length, ...own, ...keys, ...values, ...args]
}

/** How each call of a batch of `times` items ended: undefined where it succeeded, else its error. */
export async function errorsOf(
  penknife: Penknife,
  script: AnyScript,
  { item, shared = [] }: Sample,
  times: number,
): Promise<unknown[]> {
  const { bind, keys } = penknife.space('samples').runtime
  const port = bind(script, shared, 5000)
  const calls = Array.from({ length: times }, () => port(keys.route, ...item))
  const ends = await Promise.allSettled(calls)
  return ends.map((end) => (end.status === 'rejected' ? (end.reason as unknown) : undefined))
}

/** Returns each key with a digest of its value, groups and pending lists included, and its time to live. In any order. */
export const DIGESTS = [
  'EVAL',
  `
local all = {}
for at, key in ipairs(redis.call('KEYS', '*')) do
  all[at] = key .. '=' .. redis.sha1hex(redis.call('PEXPIRETIME', key) .. redis.call('DUMP', key))
end
return all`,
  0,
] as const

const RUN_ALL = `
local at = 1
while ARGV[at] do
  local last = at + tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, last))
  at = last + 1
end`

/** The same commands in few calls, because a client library takes longer for many than Redis does. */
export function merged(commands: readonly (readonly Arg[])[]): (readonly Arg[])[] {
  const calls: (readonly Arg[])[] = []
  let some: Arg[] = []
  const end = (): void => {
    if (some.length > 0) calls.push(['EVAL', RUN_ALL, 0, ...some])
    some = []
  }
  for (const command of commands) {
    if (command[0] !== 'EVAL') some.push(command.length, ...command)
    else {
      end()
      calls.push(command)
    }
  }
  end()
  return calls
}

/** Empties the server and runs the commands. */
export async function prepare(raw: Redis, commands: readonly (readonly Arg[])[]): Promise<void> {
  const all = raw.pipeline()
  for (const [command, ...args] of merged([['FLUSHALL'], ...commands])) all.call(String(command), ...args)
  for (const [error] of (await all.exec()) ?? []) if (error) throw error
}
