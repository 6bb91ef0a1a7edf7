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

/** Empties the server and runs the commands. */
export async function prepare(raw: Redis, commands: readonly (readonly Arg[])[]): Promise<void> {
  const all = raw.pipeline().flushall()
  for (const [command, ...args] of commands) all.call(String(command), ...args)
  for (const [error] of (await all.exec()) ?? []) if (error) throw error
}
