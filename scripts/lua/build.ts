import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

import { checkLoops, EACH, type Field, type LuaScript, parseScript } from './parse.ts'
import { checkPhases } from './phases.ts'

const LUA = new URL('../../lua/', import.meta.url)

/** A script as Redis gets it. */
export interface BuiltScript extends LuaScript {
  readonly text: string
  /** The pieces of `text`, each of whole lines: includes, the body, and what every script has around it. */
  readonly pieces: readonly string[]
  readonly sha: string
}

/** Every script under lua/, built; `includes` replaces includes by name, as the tests' settable clock does. */
export function buildScripts(includes: Readonly<Record<string, string>> = {}): BuiltScript[] {
  const domains = readdirSync(LUA, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && entry.name !== '_lib',
  )
  return domains
    .flatMap(({ name: domain }) =>
      readdirSync(new URL(`${domain}/`, LUA))
        .filter((file) => file.endsWith('.lua'))
        .map((file) => `${domain}/${file.slice(0, -4)}`),
    )
    .toSorted()
    .map((name) => parseScript(name, readFileSync(new URL(`${name}.lua`, LUA), 'utf8')))
    .flatMap((script) => [script, ...twinOf(script)])
    .map((script) => buildScript(script, includes))
}

/** The script under its second name, under which it runs on a full server. */
function twinOf(script: LuaScript): LuaScript[] {
  const { name, full } = script
  if (full?.twin === undefined) return []
  const twin = name.replace(/[^/]+$/, full.twin)
  return [{ ...script, name: twin, full: { ...full, runs: true, why: full.why.slice(1) } }]
}

/** The files of lua/_lib, with some of them replaced. */
class Includes {
  readonly #given: Readonly<Record<string, string>>

  constructor(given: Readonly<Record<string, string>>) {
    this.#given = given
  }

  text(name: string): string {
    return this.#given[name] ?? readFileSync(new URL(`_lib/${name}.lua`, LUA), 'utf8')
  }

  named(name: string, tag: 'include' | 'lazy'): string[] {
    const lines = this.text(name).matchAll(new RegExp(`^-- @${tag} ([\\w/]+)$`, 'gm'))
    return [...lines].map(([, named = '']) => named)
  }

  /** A file and all that it includes, what is needed first. */
  reach(name: string, found = new Set<string>()): Set<string> {
    if (found.has(name)) return found
    for (const needed of this.named(name, 'include')) this.reach(needed, found)
    return found.add(name)
  }

  /** Whether a script may have it only once, whatever loads it: it is a value, not functions. */
  isOnce(name: string): boolean {
    return /^-- @once$/m.test(this.text(name))
  }

  /** What the lazy modules of a file include, and those of what they include. */
  reachLazily(name: string, found = new Set<string>()): Set<string> {
    for (const module of this.named(name, 'lazy')) {
      for (const needed of this.reach(module)) {
        if (found.has(needed)) continue
        this.reachLazily(needed, found.add(needed))
      }
    }
    return found
  }
}

/**
 * The texts of includes and of what they include, what is needed first; `outside` is defined before. In a file with `-- @lazy a/b` a function
 * `load_b` takes the place of that line: it defines the module and all that it needs, and returns it. So a call that needs no such module does not
 * pay for its functions. What two lazy modules need is in both, but a file with `-- @once` is before them.
 */
function included(
  names: readonly string[],
  includes: Includes,
  outside: ReadonlySet<string> = new Set(),
): string[] {
  const own = new Set(names.flatMap((name) => [...includes.reach(name)]))
  const lazily = [...own].flatMap((name) => [...includes.reachLazily(name)])
  for (const needed of lazily) if (includes.isOnce(needed)) own.add(needed)
  const scope = new Set([...outside, ...own])

  function textOf(name: string): string {
    let text = includes.text(name)
    checkLoops(`_lib/${name}`, text)
    checkPhases(name, text)
    for (const module of includes.named(name, 'lazy')) {
      const defined = module.slice(module.lastIndexOf('/') + 1)
      const texts = included([module], includes, scope)
      const load = [`local function load_${defined}()`, ...texts, `return ${defined}`, 'end']
      text = text.replace(`-- @lazy ${module}\n`, () => `${load.join('\n')}\n`)
    }
    return text
  }

  const texts = new Map<string, string>()
  function add(name: string): void {
    if (texts.has(name) || outside.has(name)) return
    for (const needed of includes.named(name, 'include')) add(needed)
    for (const needed of includes.reachLazily(name)) if (scope.has(needed)) add(needed)
    texts.set(name, textOf(name))
  }
  for (const name of names) add(name)
  return [...texts.values()]
}

function orUsual({ usual }: Field): string {
  return usual === undefined ? '' : ` or ${usual}`
}

/** The function of an item, which stands last: its parameters, and its body. */
const ITEM = /^local function item\((.*)\)\n([\s\S]*)\nend\s*$/m

/** The end of the loop over the items of a batch, after the call of `item`. */
const LOOP_END = [
  // A nil would end the reply's array early.
  '    if reply == nil then reply = false end',
  '    replies[done] = reply',
  '  end',
  'end',
  'while done < items do',
  // Protected: an item that fails (a wrong type at its key) leaves the rest of the batch alone.
  '  local ok, reply = pcall(run)',
  '  if not ok then',
  // Redis hands its own errors over as text or as a table, depending on the version. The end of the message says, as
  // Redis says it of a script that fails as a whole, that the item had begun: it may have written.
  "    local text = type(reply) == 'table' and reply.err or tostring(reply)",
  "    if not string.match(text, '^%u+ ') then text = 'ERR ' .. text end",
  "    reply = { err = text .. ' on @user_script' }",
  '    replies[done] = reply',
  '  end',
  'end',
  'return replies',
].join('\n')

/** Puts includes, named arguments, the body and the loop over the batch's items together. */
export function buildScript(script: LuaScript, includes: Readonly<Record<string, string>> = {}): BuiltScript {
  const { keys, args, shared, sharedKeys, manyKeys } = script
  const countsKeys = keys.length > 0 && !sharedKeys && !manyKeys
  const items = countsKeys ? `#KEYS / ${keys.length}` : `(#ARGV - ${shared.length}) / ${args.length}`
  // Items that are counted by their keys may have their arguments once, if they are the same for all.
  const eachArgs = countsKeys && args.length > 0 ? 'own' : String(args.length)
  // The values that all items share are first.
  const perItem = manyKeys ? EACH : keys.length
  const first = sharedKeys && keys.length > 0 ? `#KEYS - items * ${perItem}` : undefined
  const values = [
    ...(manyKeys ? ['{ unpack(KEYS, key + 1, key + each) }'] : keys.map((_, at) => `KEYS[key + ${at + 1}]`)),
    ...args.map((arg, at) => `ARGV[arg + ${at + 1}]${orUsual(arg)}`),
  ]
  const only = [
    ...(manyKeys
      ? [first ? `{ unpack(KEYS, ${first} + 1) }` : 'KEYS']
      : keys.map((_, at) => `KEYS[${first ? `${first} + ` : ''}${at + 1}]`)),
    ...args.map((arg, at) => `ARGV[${shared.length + at + 1}]${orUsual(arg)}`),
  ]
  const item = ITEM.exec(script.body)
  if (!item)
    throw new Error(
      `lua/${script.name}.lua: the lines of its item must stand between 'local function' and 'end'`,
    )
  const [, parameters = '', body = ''] = item
  const pieces = [
    // On a cluster Redis holds the script to its keys. On a replica it refuses a writing one whole, and on a full server one
    // without allow-oom.
    script.readOnly ? '#!lua flags=no-writes' : script.full?.runs ? '#!lua flags=allow-oom' : '#!lua',
    ...included(script.includes, new Includes(includes)),
    ...(sharedKeys ? [`local ${sharedKeys.name} = KEYS`] : []),
    ...shared.map((field, at) => `local ${field.name} = ARGV[${at + 1}]`),
    script.body.slice(0, item.index),
    `local items = ${items}`,
    // One that travels alone needs no list for its reply, and no function, whose making a short script would notice.
    'if items == 1 then',
    ...(parameters === '' ? [] : [`local ${parameters} = ${only.join(', ')}`]),
    'do',
    body,
    'end',
    'return nil',
    'end',
    `local function item(${parameters})`,
    body,
    'end',
    // An error that it raises is that of the whole call: a part of it may have been written.
    ...(script.together
      ? [
          `local shared_replies = together(${keys.length > 0 ? `{ unpack(KEYS, ${first ? `${first} + ` : ''}1) }, ` : ''}{ unpack(ARGV, ${shared.length + 1}) })`,
          'if shared_replies then return shared_replies end',
        ]
      : []),
    'local replies, done = {}, 0',
    ...(manyKeys && !sharedKeys ? [`local ${EACH} = #KEYS / items`] : []),
    ...(eachArgs === 'own'
      ? [`local own = #ARGV > ${shared.length + args.length} and ${args.length} or 0`]
      : []),
    'local function run()',
    '  while done < items do',
    ...(keys.length > 0 ? [`    local key = ${first ? `${first} + ` : ''}done * ${perItem}`] : []),
    ...(args.length > 0 ? [`    local arg = ${shared.length} + done * ${eachArgs}`] : []),
    '    done = done + 1',
    `    local reply = item(${values.join(', ')})`,
    LOOP_END,
  ]
    .map(clean)
    .filter((piece) => piece !== '')
  const text = pieces.join('\n')
  return { ...script, text, pieces, sha: createHash('sha1').update(text).digest('hex') }
}

/** Without indentation, empty lines and comments. */
function clean(lua: string): string {
  return lua
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('--'))
    .join('\n')
}
