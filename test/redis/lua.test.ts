import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { buildScript, buildScripts, type BuiltScript } from '../../scripts/lua/build.ts'
import { moduleText } from '../../scripts/lua/generate.ts'
import { parseScript } from '../../scripts/lua/parse.ts'
import { checkPhases } from '../../scripts/lua/phases.ts'
import * as generated from '../../packages/core/src/redis/scripts.gen.ts'

const HEADER = [
  '--- Does something.',
  '-- @batch 8',
  '-- @full refused it adds a key',
  '-- @include now',
  '-- @shared keep     how many',
  '-- @item key place  a string',
  '-- @item arg text   what',
  '-- @returns integer how long',
]
const BODY = [
  'local function item(place, text)',
  "  redis.call('SET', place, text, 'PX', keep + now)",
  '  return #text',
  'end',
]

/** The sound script above, with lines replaced. */
function source(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const lines = [...HEADER, ...BODY].map((line) => {
    const found = Object.keys(changes).filter((begin) => line.trimStart().startsWith(begin))
    return found.length === 0 ? line : changes[found[0] as string]
  })
  return lines.filter((line) => line !== undefined).join('\n')
}

const parse = (text: string): unknown => parseScript('test/script', text)

let scriptsOfLua: readonly BuiltScript[] | undefined
/** All scripts of lua/, built once, because that takes a second. */
const allBuilt = (): readonly BuiltScript[] => (scriptsOfLua ??= buildScripts())

describe('a header is checked against its body', () => {
  test('one that agrees is read', () => {
    expect(parse(source())).toMatchObject({
      name: 'test/script',
      doc: ['Does something.'],
      batch: 8,
      readOnly: false,
      full: { runs: false, twin: undefined, why: ['it adds a key'] },
      includes: ['now'],
      shared: [{ name: 'keep', doc: 'how many' }],
      keys: [{ name: 'place', doc: 'a string' }],
      args: [{ name: 'text', doc: 'what' }],
      returns: 'integer',
      returnsDoc: 'how long',
    })
  })

  test.each([
    ['no first line', { '--- Does': '-- Does something.' }, /must begin with '--- '/],
    ['no @batch', { '-- @batch': undefined }, /@batch must say/],
    ['@batch 0', { '-- @batch': '-- @batch 0' }, /@batch must say/],
    ['@batch of words', { '-- @batch': '-- @batch many' }, /@batch must say/],
    ['@batch 1001', { '-- @batch': '-- @batch 1001' }, /@batch must say/],
    [
      'no key',
      { '-- @item key': undefined, 'local function': 'local function item(text)' },
      /needs an @item key or @shared keys/,
    ],
    ['no @returns', { '-- @returns': undefined }, /needs @returns/],
    ['an unknown type', { '-- @returns': '-- @returns number how long' }, /@returns names 'number'/],
    ['an unknown type in a choice', { '-- @returns': '-- @returns integer|nil x' }, /@returns names 'nil'/],
    ['an unknown tag', { '-- @batch': '-- @batch 8\n-- @size 3' }, /'@size 3' is not a known tag/],
    ['a misspelt tag', { '-- @batch': '-- @batch 8\n-- @read-only' }, /'@read-only' is not a known tag/],
    [
      'a field that is not described',
      { '-- @item arg': '-- @item arg text' },
      /names no field or says nothing/,
    ],
    [
      'an argument that item does not take',
      { 'local function': 'local function item(place)' },
      /the body item\(place\)/,
    ],
    ['other names', { 'local function': 'local function item(key, text)' }, /names item\(place, text\)/],
    ['another order', { 'local function': 'local function item(text, place)' }, /names item\(place, text\)/],
    [
      'a variable number of values',
      { 'local function': 'local function item(...)' },
      /the body item\(\.\.\.\)/,
    ],
    ['no item function', { 'local function': 'local function other(place, text)' }, /must end with/],
    ['an item function that is global', { 'local function': 'function item(place, text)' }, /must end with/],
    [
      'a value that item does not use',
      { return: '  return 1', 'redis.call': "  redis.call('SET', place, keep + now)" },
      /does not use 'text'/,
    ],
    [
      'a value that only another function uses',
      {
        'local function':
          'local function twice(text)\n  return text .. text\nend\nlocal function item(place, text)',
        'redis.call': "  redis.call('SET', place, keep + now)",
        return: '  return 1',
      },
      /does not use 'text'/,
    ],
    [
      'a value whose name is only a field',
      { 'redis.call': "  redis.call('SET', place, keep + now)", return: '  return place.text' },
      /does not use 'text'/,
    ],
    [
      'a shared value that nobody uses',
      { 'redis.call': "  redis.call('SET', place, text, 'PX', now)" },
      /promises 'keep'/,
    ],
    [
      'an include that nobody uses',
      { 'redis.call': "  redis.call('SET', place, text, 'PX', keep)" },
      /promises 'now'/,
    ],
    ['an include that is missing', { '-- @include': undefined }, /uses 'now', which nothing defines/],
    ['a shared value that is missing', { '-- @shared': undefined }, /uses 'keep', which nothing defines/],
    [
      'a global that is set',
      { return: '  total = 1\n  return #text' },
      /uses 'total', which nothing defines/,
    ],
    ['a function that Redis does not have', { return: '  print(text)\n  return #text' }, /uses 'print'/],
    ['KEYS', { return: '  return #KEYS + #text' }, /reads KEYS by itself/],
    ['ARGV', { return: '  return #ARGV + #text' }, /reads ARGV by itself/],
    ['its own clock', { return: "  return redis.call('TIME')[1] + #text" }, /reads the clock by itself/],
    [
      'its own clock in small letters',
      { return: '  return redis.call("time")[1] + #text' },
      /reads the clock by itself/,
    ],
    [
      '@readonly and writes',
      { '-- @batch': '-- @batch 8\n-- @readonly', '-- @full': undefined },
      /is @readonly and calls SET/,
    ],
    ['a writing one without @full', { '-- @full': undefined }, /writes and has no @full/],
    [
      'a reading one with @full',
      { '-- @batch': '-- @batch 8\n-- @readonly' },
      /@readonly, which always runs/,
    ],
    ['@full without a reason', { '-- @full': '-- @full runs' }, /must say '@full refused why'/],
    ['@full of another kind', { '-- @full': '-- @full maybe it adds a key' }, /must say '@full refused why'/],
    ['@full twice', { '-- @full': '-- @full runs it frees\n-- @full refused it adds' }, /must say '@full/],
    ['a twin of what runs anyway', { '-- @full': '-- @full runs as free it frees' }, /needs @full refused/],
    [
      '@readonly and writes by pcall',
      {
        '-- @batch': '-- @batch 8\n-- @readonly',
        '-- @full': undefined,
        'redis.call': '  redis.pcall("set", place, text, "PX", keep + now)',
      },
      /is @readonly and calls SET/,
    ],
    [
      'only reads and does not say so',
      { 'redis.call': "  redis.call('GET', place .. keep .. now)" },
      /writes nothing: say @readonly/,
    ],
    ['a loop that may not end', { return: '  while #text > keep do keep = keep + 1 end' }, /may not end/],
    ['one more', { return: '  repeat keep = keep + 1 until keep > now' }, /may not end/],
    ['no valid Lua', { return: '  return return' }, /unexpected|expected/i],
  ])('refused: %s', (_, changes, message) => {
    expect(() => parse(source(changes))).toThrow(message)
  })

  test('a module whose prepare writes, or whose apply calls a command that Redis may refuse, is refused', () => {
    const phases = (prepare: string, apply: string): string =>
      [
        'local thing = {}',
        `local function look(key) return ${prepare} end`,
        'function thing.prepare(key) return pcall(look, key) end',
        `function thing.apply(key) return ${apply} end`,
      ].join('\n')
    const check = (prepare: string, apply: string) => () => checkPhases('test/thing', phases(prepare, apply))
    const get = "redis.call('GET', key)"
    expect(check(get, "redis.call('SET', key, 1)")).not.toThrow()
    expect(check("redis.pcall('DEL', key)", get)).toThrow(/thing\.prepare calls DEL/)
    expect(check(get, "redis.call('INCR', key)")).toThrow(/thing\.apply calls INCR/)
    expect(check(get, "redis.call(unpack({ 'LPUSH', key, 1 }))")).toThrow(/thing\.apply calls LPUSH/)
    expect(check(get, 'redis.call(key)')).toThrow(/a command that it does not name/)
  })

  test('keys that all items of a batch share are read as a list, beside arguments of each item', () => {
    const shared = source({
      '-- @item key': '-- @shared keys place sorted sets',
      'local function': 'local function item(text)',
    })
    expect(parse(shared)).toMatchObject({ sharedKeys: { name: 'place', doc: 'sorted sets' }, keys: [] })
    const many = source({ '-- @item key': '-- @shared keys more sorted sets\n-- @item keys place a string' })
    expect(() => parse(many)).toThrow(/@shared keys and @item keys/)
    const none = source({
      '-- @item key': '-- @shared keys place sorted sets',
      '-- @item arg': undefined,
      'local function': 'local function item()',
    })
    expect(() => parse(none)).toThrow(/needs an @item arg/)
  })

  test('an item may have a list of keys, with an argument to count the items by', () => {
    const many = source({ '-- @item key': '-- @item keys place sorted sets' })
    expect(parse(many)).toMatchObject({ manyKeys: true, keys: [{ name: 'place', doc: 'sorted sets' }] })
    const both = source({ '-- @item key': '-- @item keys more sorted sets\n-- @item key place a string' })
    expect(() => parse(both)).toThrow(/@item keys must be its only keys/)
    const none = source({
      '-- @item key': '-- @item keys place sorted sets',
      '-- @item arg': undefined,
      'local function': 'local function item(place)',
    })
    expect(() => parse(none)).toThrow(/with an @item arg to count/)
  })

  test('refused: more values of an item than the loop over a batch can have', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const text = source({
      '-- @item arg': names.map((name) => `-- @item arg ${name} x`).join('\n'),
      'local function': `local function item(place, ${names.join(', ')})`,
      'redis.call': `  redis.call('SET', place, ${names.join(' .. ')}, 'PX', keep + now)`,
      return: '  return 1',
    })
    expect(() => parse(text)).toThrow(/more than 8 values/)
  })

  test('an argument with a usual value must be the only one of its item', () => {
    const one = source({ '-- @item arg': '-- @item arg text = 7 x' })
    expect(parse(one)).toMatchObject({ args: [{ name: 'text', doc: 'x', usual: 7 }] })
    const two = source({
      '-- @item arg': '-- @item arg text = 7 x\n-- @item arg more x',
      'local function': 'local function item(place, text, more)',
    })
    expect(() => parse(two)).toThrow(/must be the only one/)
  })

  test('an include that does not exist is refused', () => {
    const text = source({
      '-- @include': '-- @include nowhere',
      'redis.call': "  redis.call('SET', place, text, 'PX', keep + nowhere)",
    })
    expect(() => buildScript(parseScript('test/script', text))).toThrow(/nowhere/)
  })

  test('a lazy module is defined by a function of its own, with all that it needs but the time, which is read once', () => {
    const text = allBuilt().find(({ name }) => name === 'record/record')?.text ?? ''
    const at = (part: string, from = 0): number => {
      expect(text.indexOf(part, from), part).toBeGreaterThan(from)
      return text.indexOf(part, from)
    }
    const load = at('local function load_changing()')
    const end = at('return changing\nend')
    for (const own of ['local scoring = {', 'local board = {}', 'local function typed(']) {
      expect(at(own, load)).toBeLessThan(end)
    }
    expect(text.split("redis.call('TIME')")).toHaveLength(2)
    expect(at("redis.call('TIME')")).toBeLessThan(load)
  })

  test('a call that needs no lazy module defines none of its functions', () => {
    const text = allBuilt().find(({ name }) => name === 'stream/add')?.text ?? ''
    const first = text.indexOf('local function load_')
    for (const unused of ['local function earlier(', 'local members = {', 'local function sortable(']) {
      expect(text.indexOf(unused), unused).toBeGreaterThan(first)
    }
  })

  test('the shebang decides what Redis does with a script on a full server, and a twin has the other one', () => {
    const built = (full: string): string =>
      buildScript(parseScript('test/script', source({ '-- @full': full }))).text.split('\n')[0] as string
    expect(built('-- @full refused it adds a key')).toBe('#!lua')
    expect(built('-- @full runs it frees')).toBe('#!lua flags=allow-oom')
    const text = (name: string): string => allBuilt().find((script) => script.name === name)?.text ?? ''
    expect(text('limiter/block')).toMatch(/^#!lua\n/)
    expect(text('limiter/unblock')).toBe(text('limiter/block').replace('#!lua', '#!lua flags=allow-oom'))
  })

  test('an error names the file', () => {
    expect(() => parse('return 1')).toThrow(/lua\/test\/script\.lua: /)
  })
})

describe('the generated module', () => {
  const scripts = Object.values(generated)

  test('is up to date', () => {
    const committed = new URL('../../packages/core/src/redis/scripts.gen.ts', import.meta.url)
    expect(readFileSync(committed, 'utf8'), 'run `pnpm generate`').toBe(moduleText(allBuilt()))
  })

  test('evaluates to exactly the scripts that were built, backslashes and all', () => {
    expect(scripts.map(({ name, text }) => [name, text])).toEqual(
      allBuilt().map(({ name, text }) => [name, text]),
    )
  })

  test.each(scripts.map((script) => [script.name, script] as const))(
    '%s has the SHA-1 of its text',
    (_, script) => {
      expect(script.sha).toBe(createHash('sha1').update(script.text).digest('hex'))
    },
  )

  test('scripts that know the time have it from Redis, and nowhere else', () => {
    const timed = scripts.filter(({ text }) => /\bnow\b/.test(text))
    expect(timed.map(({ name }) => name)).toContain('limiter/take')
    for (const { text } of timed) {
      expect(text).toContain("local clock = redis.call('TIME')\nlocal now = clock[1] * 1000000 + clock[2]\n")
      expect(text.match(/\bnow =/g)).toHaveLength(1)
    }
    for (const { text } of scripts) expect(text).not.toMatch(/test:clock/)
  })

  test('a script that only reads is declared so to Redis, a writing one is not', () => {
    const text = (name: string): string | undefined => scripts.find((script) => script.name === name)?.text
    expect(text('limiter/take')).toMatch(/^#!lua\n/)
    expect(text('leaderboard/rank')).toMatch(/^#!lua flags=no-writes\n/)
  })
})
