import { parse as parseLua } from 'luaparse'

/** Reads a script's header, and checks it against its body. */
export interface LuaScript {
  /** `<domain>/<verb>` */
  readonly name: string
  readonly doc: readonly string[]
  readonly batch: number
  readonly readOnly: boolean
  /** What Redis does with it when memory is full. Undefined for one that only reads: it runs. */
  readonly full: Full | undefined
  readonly includes: readonly string[]
  /** The keys that all items of a batch share, as a list that begins with them. */
  readonly sharedKeys: Field | undefined
  readonly shared: readonly Field[]
  readonly keys: readonly Field[]
  /** Its one key field stands for a list of keys, as many for every item of a batch. */
  readonly manyKeys: boolean
  readonly args: readonly Field[]
  /**
   * Its function `together` gets the keys of all items of a batch in one list, if items have keys, and their arguments in another. It returns
   * the list of replies, or nothing, before its first write, for the items to be handled one by one. Items that have the same arguments,
   * without @shared keys, have them once.
   */
  readonly together: boolean
  readonly returns: string
  readonly returnsDoc: string
  readonly body: string
}

/** What a header says of a server whose memory is full: `@full refused why`, `@full runs why`, or both. */
export interface Full {
  /** Redis runs it all the same (allow-oom): it frees memory, or what depends on it must go on. */
  readonly runs: boolean
  /**
   * Of `@full runs as verb why`: the same script is there a second time under that verb, for calls that must run, such as those
   * that only free.
   */
  readonly twin: string | undefined
  /** The reasons, one for each line of the header. */
  readonly why: readonly string[]
}

export interface Field {
  readonly name: string
  readonly doc: string
  /** Of an argument: the number that it is when it is not sent. */
  readonly usual?: number
}

/** The reply types a header may name, with the TypeScript type of each. */
export const REPLY_TYPES: Readonly<Record<string, string>> = {
  integer: 'number',
  integers: 'readonly number[]',
  string: 'string',
  list: 'readonly Reply[]',
  null: 'null',
}

const GLOBALS = new Set(
  'redis cjson cmsgpack struct bit string math table tonumber tostring type pairs ipairs unpack pcall error next'.split(
    ' ',
  ),
)

/** Reads a script; throws when the header is incomplete, has an unknown tag or disagrees with the body. */
export function parseScript(name: string, source: string): LuaScript {
  const fail = (what: string): never => {
    throw new Error(`lua/${name}.lua: ${what}`)
  }
  const lines = source.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('--'))
  const header = lines.slice(0, end).map((line) => line.replace(/^---? ?/, ''))
  const body = lines.slice(end).join('\n')
  if (!source.startsWith('--- ')) fail("must begin with '--- ' and what the script does")

  const script = {
    name,
    doc: header.filter((line) => !line.startsWith('@')),
    batch: 0,
    readOnly: false,
    full: undefined as Full | undefined,
    includes: [] as string[],
    sharedKeys: undefined as Field | undefined,
    shared: [] as Field[],
    keys: [] as Field[],
    manyKeys: false,
    args: [] as Field[],
    together: false,
    returns: '',
    returnsDoc: '',
    body,
  }
  for (const line of header.filter((text) => text.startsWith('@'))) {
    const field = (text: string): Field => {
      const [, id = '', doc = ''] =
        /^(\w+)\s+(.*)$/.exec(text) ?? fail(`'${line}' names no field or says nothing of it`)
      return { name: id, doc }
    }
    if (line.startsWith('@batch ')) script.batch = Number(line.slice(7))
    else if (line === '@readonly') script.readOnly = true
    else if (line === '@together') script.together = true
    else if (line.startsWith('@full ')) script.full = fullOf(line, script.full) ?? fail(`'${line}' ${FULL}`)
    else if (line.startsWith('@include ')) script.includes.push(line.slice(9).trim())
    else if (line.startsWith('@shared keys ')) script.sharedKeys = field(line.slice(13))
    else if (line.startsWith('@shared ')) script.shared.push(field(line.slice(8)))
    else if (line.startsWith('@item key ')) script.keys.push(field(line.slice(10)))
    else if (line.startsWith('@item keys ')) {
      script.keys.push(field(line.slice(11)))
      script.manyKeys = true
    } else if (line.startsWith('@item arg ')) {
      const [, usual] = /^\w+ = (\d+) /.exec(line.slice(10)) ?? []
      const arg = field(line.slice(10).replace(/ = \d+/, ''))
      script.args.push(usual === undefined ? arg : { ...arg, usual: Number(usual) })
    } else if (line.startsWith('@returns ')) {
      const [, types = '', doc = ''] = /^@returns (\S+)\s*(.*)$/.exec(line) ?? []
      script.returns = types
      script.returnsDoc = doc
    } else fail(`'${line}' is not a known tag`)
  }

  if (!Number.isInteger(script.batch) || script.batch < 1 || script.batch > 1000) {
    fail('@batch must say how many items one call may hold: 1 to 1000')
  }
  if (script.sharedKeys) {
    if (script.manyKeys && script.shared[0]?.name !== EACH)
      fail(`has @shared keys and @item keys: its first @shared value must be '${EACH}', the keys of an item`)
    if (script.args.length === 0) fail('needs an @item arg: the items of a batch are counted by it')
  } else if (script.keys.length === 0) fail('needs an @item key or @shared keys: a call is routed by it')
  if (script.manyKeys && (script.keys.length > 1 || script.args.length === 0)) {
    fail('@item keys must be its only keys, with an @item arg to count the items by')
  }
  if (script.together) {
    if (script.manyKeys) fail('@together needs no @item keys')
    const form =
      script.keys.length > 0 ? /^local function together\(\w+, \w+\)/m : /^local function together\(\w+\)/m
    if (!form.test(body))
      fail('@together needs `local function together(values)`, with keys of items `together(keys, values)`')
  }
  const sendsNone = script.args.some(({ usual }) => usual !== undefined)
  if (sendsNone && (script.args.length > 1 || script.keys.length === 0 || script.manyKeys)) {
    fail('an @item arg with a usual value must be the only one, with @item key to count the items by')
  }
  if (script.keys.length + script.args.length > 8) fail('takes more than 8 values an item')
  if (script.returns === '') fail('needs @returns')
  if (script.readOnly && script.full)
    fail('is @readonly, which always runs on a full server: leave @full out')
  if (!script.readOnly && !script.full) fail(`writes and has no @full: it ${FULL}`)
  if (script.full?.twin !== undefined && script.full.why.length !== 2)
    fail(`@full runs as needs @full refused`)
  for (const type of script.returns.split('|')) {
    if (!(type in REPLY_TYPES))
      fail(`@returns names '${type}', not one of ${Object.keys(REPLY_TYPES).join(', ')}`)
  }
  checkLoops(name, body)
  checkBody(script, fail)
  return script
}

/** What a script with shared keys and a list of keys for each item calls the number of those. */
export const EACH = 'each'

const FULL =
  "must say '@full refused why' or '@full runs why', or of a part of its calls '@full runs as verb why'"

/** Of a line `@full …`, with what the lines before it said; undefined when it is not one. */
function fullOf(line: string, before: Full | undefined): Full | undefined {
  const [, does, twin, why = ''] = /^@full (refused|runs)(?: as (\w+))? +(\S.*)$/.exec(line) ?? []
  if (does === undefined || (does === 'refused' && twin !== undefined)) return undefined
  if (before && (twin === undefined || before.runs || before.twin !== undefined)) return undefined
  return { runs: does === 'runs' && twin === undefined, twin, why: [...(before?.why ?? []), why] }
}

/**
 * Throws where a text has a loop whose rounds are not counted before it begins. What a key holds may keep such a loop going for
 * ever, and Redis with it: numbers that do not change when 1 is added, and ones that compare with nothing.
 */
export function checkLoops(file: string, text: string): void {
  walk(parseLua(text, { luaVersion: '5.1' }), ({ type }) => {
    if (type === 'WhileStatement' || type === 'RepeatStatement')
      throw new Error(
        `lua/${file}.lua: has a loop that may not end: write \`for\`, with the most rounds it may have`,
      )
  })
}

export type Node = { readonly type: string; readonly [key: string]: unknown }

function checkBody(script: LuaScript, fail: (what: string) => never): void {
  const tree = parseLua(script.body, { luaVersion: '5.1', scope: true }) as unknown as Node
  const globals = new Set(
    ((tree['globals'] as Node[] | undefined) ?? []).map((node) => node['name'] as string),
  )
  const item = (tree['body'] as Node[]).at(-1)
  const called = (item?.['identifier'] as Node | null | undefined)?.['name']
  if (item?.type !== 'FunctionDeclaration' || item['isLocal'] !== true || called !== 'item') {
    return fail('must end with `local function item(…)`')
  }
  const wanted = [...script.keys, ...script.args].map((field) => field.name)
  const found = (item['parameters'] as Node[]).map((node) => (node['name'] as string | undefined) ?? '...')
  if (wanted.join() !== found.join()) {
    fail(`the header names item(${wanted.join(', ')}), the body item(${found.join(', ')})`)
  }
  const identifiers: string[] = []
  walk(item, (node) => {
    if (node.type === 'Identifier' && node['isLocal'] === true) identifiers.push(node['name'] as string)
  })
  for (const name of wanted) {
    if (identifiers.filter((id) => id === name).length < 2) fail(`item does not use '${name}'`)
  }

  // An include is named after what it defines.
  const shared = script.sharedKeys ? [script.sharedKeys, ...script.shared] : script.shared
  const defined = script.includes.map((path) => path.slice(path.lastIndexOf('/') + 1))
  const given = new Set([...shared.map((field) => field.name), ...defined])
  for (const name of given) {
    // The loop around the items uses it.
    if (script.manyKeys && name === EACH) continue
    if (!globals.has(name)) fail(`the header promises '${name}', the body does not use it`)
  }
  for (const name of globals) {
    if (name === 'KEYS' || name === 'ARGV') fail(`reads ${name} by itself: name the value in the header`)
    if (!GLOBALS.has(name) && !given.has(name)) fail(`uses '${name}', which nothing defines`)
  }
  if (/call\(\s*['"]TIME/i.test(script.body)) fail('reads the clock by itself: `@include now`')
  const writes = [...script.body.matchAll(/\bp?call\(\s*['"](\w+)/g)].map(([, command = '']) =>
    command.toUpperCase(),
  )
  const writing = writes.find((command) => !READING.has(command))
  if (script.readOnly && writing) fail(`is @readonly and calls ${writing}`)
  // What an include writes is seen when the script runs: Redis refuses it in one that is @readonly.
  const mayWrite = writing ?? script.includes.find((name) => name !== 'now')
  if (!script.readOnly && !mayWrite) fail('writes nothing: say @readonly')
}

/** What only reads. */
export const READING = new Set(
  'MEMORY TYPE GET MGET HMGET HLEN ZMSCORE ZCOUNT ZSCAN HSCAN XRANGE XREVRANGE XLEN XPENDING XINFO ZSCORE ZRANGE ZREVRANGE ZRANK ZREVRANK ZCARD HGET HGETALL EXISTS TTL PTTL'.split(
    ' ',
  ),
)

export function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const entry of value) walk(entry, visit)
  else if (typeof value === 'object' && value !== null) {
    if ('type' in value) visit(value as Node)
    for (const [key, child] of Object.entries(value)) if (key !== 'globals') walk(child, visit)
  }
}
