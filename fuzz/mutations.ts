import type { Redis } from 'ioredis'

import type { Random } from './harness.ts'

export type Value = string | number | Buffer
export type Command = readonly [name: string, ...args: Value[]]

const TEXTS: readonly Value[] = [
  '',
  'x',
  ' ',
  '\n',
  'two\nlines',
  '\0',
  '-1',
  '0.5',
  'inf',
  '-inf',
  'nan',
  '1e400',
  '9007199254740993',
  '18446744073709551615',
  '0-0',
  '1-1',
  '18446744073709551615-18446744073709551615',
  'null',
  '[]',
  '{"a":',
  '"text"',
  '[1,[2,[3]]]',
  Buffer.from([0xff, 0xfe]),
  Buffer.from([0xed, 0xa0, 0xbd]),
  Buffer.from([0x95, 0xa3, 0x31, 0x2d, 0x31]),
  Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
  '['.repeat(5000),
  'x'.repeat(10_000),
]
const DOUBLES = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e-300,
  2 ** 31,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 63,
  1e300,
  Infinity,
  -Infinity,
  NaN,
]
const SCORES = [
  'inf',
  '-inf',
  '0',
  '-1',
  '0.5',
  '1e300',
  '-1e300',
  '9007199254740991',
  '9007199254740993',
  '5e-324',
]

/** A value that no key of penknife should have, or a small change of this key's value. */
function spoiled(random: Random, before: Buffer = Buffer.alloc(0)): Value {
  const bytes = Buffer.from(before)
  const at = bytes.length > 0 ? random.int(0, bytes.length - 1) : 0
  switch (random.int(0, 6)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      if (bytes.length > 0) bytes[at] = random.int(0, 255)
      return bytes
    case 2:
      return Buffer.concat([bytes, Buffer.from(String(random.pick(TEXTS)))])
    case 3:
      // As the limiter packs its numbers.
      if (bytes.length >= 8)
        bytes.writeDoubleLE(random.pick(DOUBLES), 8 * random.int(0, Math.floor(bytes.length / 8) - 1))
      return bytes
    case 4: {
      const packed = Buffer.alloc(8 * random.int(1, 11))
      for (let from = 0; from < packed.length; from += 8) packed.writeDoubleLE(random.pick(DOUBLES), from)
      return packed
    }
    case 5:
      return Buffer.concat(Array.from({ length: random.int(2, 50) }, () => bytes))
    default:
      return random.pick(TEXTS)
  }
}

const OTHER_TYPES: readonly Command[] = [
  ['SET', 'x'],
  ['RPUSH', 'x'],
  ['SADD', 'x'],
  ['HSET', 'f', 'x'],
  ['ZADD', 1, 'x'],
  ['XADD', '1-1', 'f', 'x'],
]

/** The commands with which other hands spoil a key in one way. */
export async function mutationOf(
  random: Random,
  raw: Redis,
  keys: readonly string[],
): Promise<readonly Command[]> {
  const key = random.pick(keys)
  const way = random.next()
  if (way < 0.05) return [['DEL', key]]
  if (way < 0.15) {
    const [command, ...args] = random.pick(OTHER_TYPES)
    return [
      ['DEL', key],
      [command, key, ...args],
    ]
  }
  if (way < 0.2) return [['COPY', random.pick(keys), key, 'REPLACE']]
  if (way < 0.23)
    return [
      random.pick<Command>([
        ['PERSIST', key],
        ['PEXPIRE', key, random.int(1, 20)],
      ]),
    ]
  switch (await raw.type(key)) {
    case 'string':
      return [['SET', key, spoiled(random, (await raw.getBuffer(key)) ?? undefined), 'KEEPTTL']]
    case 'hash':
      return [await hashMutation(random, raw, key)]
    case 'zset':
      return [await zsetMutation(random, raw, key)]
    case 'stream':
      return streamMutation(random, raw, key)
    default:
      return [['SET', key, spoiled(random)]]
  }
}

async function hashMutation(random: Random, raw: Redis, key: string): Promise<Command> {
  const fields = await raw.hkeysBuffer(key)
  const field = fields.length > 0 ? random.pick(fields) : Buffer.from('f')
  const way = random.next()
  if (way < 0.2) return ['HDEL', key, field]
  if (way < 0.4) return ['HSET', key, spoiled(random, field), random.pick(TEXTS)]
  return ['HSET', key, field, spoiled(random, (await raw.hgetBuffer(key, field)) ?? undefined)]
}

async function zsetMutation(random: Random, raw: Redis, key: string): Promise<Command> {
  const members = await raw.zrangeBuffer(key, '0', '50')
  const member = members.length > 0 ? random.pick(members) : Buffer.from('m')
  const way = random.next()
  if (way < 0.15) return ['ZREM', key, member]
  if (way < 0.45) return ['ZADD', key, random.pick(SCORES), member]
  if (way < 0.55) return ['ZADD', key, ...Array.from({ length: 300 }, (_, at) => [at, `other ${at}`]).flat()]
  return ['ZADD', key, random.next() < 0.5 ? random.pick(SCORES) : 1, spoiled(random, member)]
}

const GROUPS = ['billing', 'mailing', 'search', 'other', ':wake:']
const CONSUMERS = ['w1', 'gone', '']

async function streamMutation(random: Random, raw: Redis, key: string): Promise<readonly Command[]> {
  const entries = (await raw.xrangeBuffer(key, '-', '+', 'COUNT', 100)) as unknown as [Buffer, Buffer[]][]
  const [id, fields] = entries.length > 0 ? random.pick(entries) : [Buffer.from('1-1'), []]
  const [time = '1', number = '1'] = (entries.at(-1)?.[0] ?? id).toString().split('-')
  const next = random.pick([
    '*',
    '*',
    `${time}-${BigInt(number) + 1n}`,
    `${BigInt(time) + 1n}-0`,
    `${time}-9007199254740993`,
    '9007199254740993-1',
    '18446744073709551615-18446744073709551615',
  ])
  const group = random.pick(GROUPS)
  switch (random.int(0, 11)) {
    case 0:
    case 1:
    case 2: {
      const near =
        fields.length > 0
          ? fields.map((text) => (random.next() < 0.3 ? spoiled(random, text) : text))
          : ['f', 'x']
      return [['XADD', key, next, ...near]]
    }
    case 3:
      return [['XADD', key, next, 'foreign', random.pick(TEXTS)]]
    case 4: {
      const names = ['i', 'a', 'f', 'd', 't', 'n', 'g', 'k', 'e', 'm', 'b', 'c', 'x']
      const made = names.filter(() => random.next() < 0.6).flatMap((name) => [name, random.pick(TEXTS)])
      return [['XADD', key, next, ...(made.length > 0 ? made : ['d', '{}'])]]
    }
    case 5:
      return [['XDEL', key, id]]
    case 6:
      return [['XTRIM', key, 'MAXLEN', random.int(0, 3)]]
    case 7:
      return [
        ['XSETID', key, random.pick(['9007199254740993-1', '18446744073709551615-18446744073709551615'])],
      ]
    case 8:
      return random.next() < 0.5
        ? [['XGROUP', 'DESTROY', key, group]]
        : [['XGROUP', 'CREATE', key, group, '0']]
    case 9:
      return [['XGROUP', 'SETID', key, group, random.pick([id, '0', '$', '18446744073709551615-0'])]]
    case 10:
      return [
        [
          'XREADGROUP',
          'GROUP',
          group,
          random.pick(CONSUMERS),
          'COUNT',
          random.int(1, 5),
          'STREAMS',
          key,
          '>',
        ],
        ...(random.next() < 0.5 ? [['XDEL', key, id] as Command] : []),
      ]
    default:
      return [['XADD', key, next, ...Array.from({ length: 2000 }, (_, at) => `${at}`)]]
  }
}
