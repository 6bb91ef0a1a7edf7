import { buildScript, type BuiltScript } from '../../scripts/lua/build.ts'
import { parseScript } from '../../scripts/lua/parse.ts'
import type { Arg, Script, SharedArg } from '../../packages/core/src/redis/script.ts'

/** A built script in the form that the generated module gives it. */
export function asScript(built: BuiltScript): Script<readonly SharedArg[], readonly Arg[], unknown> {
  const { keys, args, shared, sharedKeys, ...rest } = built
  const names = (fields: readonly { name: string }[]): string[] => fields.map((field) => field.name)
  return {
    ...rest,
    keys: names(keys),
    args: names(args),
    shared: names(shared),
    sharedKeys: sharedKeys !== undefined,
    ...(args[0]?.usual === undefined ? {} : { usual: args[0].usual }),
  }
}

/** A script for a test, built as the published ones are. Without `@full` it is refused on a full server. */
export function testScript<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
  name: string,
  source: string,
): Script<Shared, Item, Result> {
  const full = /^-- @(full|readonly)/m.test(source)
    ? source
    : source.replace('-- @batch', '-- @full refused it writes\n-- @batch')
  return asScript(buildScript(parseScript(name, full))) as Script<Shared, Item, Result>
}

/** Adds to a counter and replies with its new value: shows whether, how often and in what order items ran. */
export const countBy: Script<[], [counter: string, step: Arg], number> = testScript(
  'test/count-by',
  `--- Adds to a counter.
-- @batch 10
-- @item key counter   an integer
-- @item arg step      what to add
-- @returns integer    the new value
local function item(counter, step)
  return redis.call('INCRBY', counter, step)
end
`,
)
