import type { Random } from '../harness.ts'

/** What a client sends after the handshake, in parts, and how it leaves. */
export interface SocketInput {
  readonly writes: readonly Buffer[]
  readonly leaving: 'wait' | 'end' | 'reset'
  /** Whether every frame is whole: the server must reply to the last one, or close. */
  readonly whole: boolean
}

/** Nobody may follow a channel that begins so, nor does anybody name this one. */
export const SECRET = 'secret'
export const UNNAMED = 'unnamed'

const CHANNELS: readonly unknown[] = [
  'a',
  'b',
  'c',
  'view',
  SECRET,
  `${SECRET}:1`,
  '__proto__',
  'constructor',
  '',
  ' ',
  'a*',
  '*',
  'a{b}',
  'line\nbreak',
  'ü',
  '\ud800',
  '\u0000',
  'x'.repeat(129),
  'x'.repeat(5000),
]
const POSITIONS: readonly unknown[] = [
  null,
  null,
  '1764000000000-1-5f0a3c',
  '0-0',
  '9999999999999999-999999999999999-ffffff',
  '-',
  '+',
  '',
  '-1-1',
  `${'9'.repeat(400)}-1`,
  'x'.repeat(20_000),
  1,
  true,
  {},
  ['1-1'],
]
const NUMBERS: readonly unknown[] = [0, 1, 7, 2 ** 53, -1, 0.5, '1', null, {}]
const KINDS: readonly unknown[] = [
  'subscribe',
  'subscribe',
  'unsubscribe',
  'auth',
  'ping',
  'publish',
  1,
  null,
]
const TOKENS: readonly unknown[] = ['good', 'bad', 'throw', '', 'x'.repeat(9000), 1, null, {}]

export function makeSocketInput(random: Random): SocketInput {
  const whole = random.next() < 0.7
  const bytes = Buffer.concat(Array.from({ length: random.int(1, 6) }, () => frameOf(random)))
  const sent = whole ? bytes : spoiled(random, bytes)
  return { writes: parts(random, sent), leaving: random.pick(['wait', 'wait', 'end', 'reset']), whole }
}

/** Ends in a half frame, or has a changed byte. */
function spoiled(random: Random, bytes: Buffer): Buffer {
  const luck = random.next()
  if (luck < 0.3) return Buffer.concat([bytes, falseLength(random)])
  if (luck < 0.4)
    return Buffer.concat([
      bytes,
      Buffer.from(Array.from({ length: random.int(1, 300) }, () => random.int(0, 255))),
    ])
  const changed = Buffer.from(bytes)
  const at = random.int(0, bytes.length - 1)
  if (luck < 0.7) return changed.subarray(0, at)
  changed[at] = random.int(0, 255)
  return changed
}

function frameOf(random: Random): Buffer {
  const luck = random.next()
  if (luck < 0.6) return framed(Buffer.from(textOf(random)), 0x81)
  if (luck < 0.7)
    return framed(Buffer.from(textOf(random)), random.pick([0x82, 0x01, 0x80, 0x00, 0xc1, 0x91, 0x83, 0x8f]))
  if (luck < 0.75)
    return Buffer.concat(
      Array.from({ length: random.int(1, 200) }, () => framed(Buffer.from('p'), random.pick([0x89, 0x8a]))),
    )
  if (luck < 0.8) return framed(Buffer.alloc(random.pick([0, 1, 2, 124, 200]), random.int(0, 255)), 0x88)
  if (luck < 0.9) return fragments(random)
  return framed(Buffer.from([0xff, 0xfe, 0xed, 0xa0, 0x80]), 0x81)
}

function textOf(random: Random): string {
  const luck = random.next()
  if (luck < 0.05)
    return random.pick(['[', '{"a":', '{"__proto__":{}}']).repeat(random.int(1, 10_000)).slice(0, 40_000)
  const text = JSON.stringify(objectOf(random))
  if (luck < 0.85) return text
  const at = random.int(0, text.length - 1)
  if (luck < 0.9) return text.slice(0, at)
  return (
    text.slice(0, at) + random.pick(['"', '}', '\u0000', '\\', '\ud800', ',', '1e999']) + text.slice(at + 1)
  )
}

function objectOf(random: Random): unknown {
  const kind = random.pick(KINDS)
  const n = random.next() < 0.8 ? random.int(0, 1000) : random.pick(NUMBERS)
  const names = Array.from({ length: random.pick([0, 1, 2, 5, 101]) }, (_, at) =>
    at < 5 ? random.pick(CHANNELS) : `c${at}`,
  )
  const channels =
    kind === 'subscribe' && random.next() < 0.95
      ? Object.fromEntries(names.map((name) => [name, random.pick(POSITIONS)]))
      : random.pick<unknown>([names, null, 'a', {}, [1], [names]])
  return { kind, n, channels, ...(random.next() < 0.5 ? { token: random.pick(TOKENS) } : {}) }
}

/** A masked frame, as clients send it. */
export function framed(payload: Buffer, first: number): Buffer {
  const { length } = payload
  const head =
    length < 126
      ? Buffer.from([first, 0x80 | length])
      : Buffer.from([first, 0x80 | 126, length >> 8, length & 255])
  const mask = Buffer.from([1, 2, 3, 4])
  const masked = Buffer.from(payload)
  for (let at = 0; at < length; at++) masked[at] = (masked[at] as number) ^ (mask[at & 3] as number)
  return Buffer.concat([head, mask, masked])
}

/** A frame whose length is not that of its payload. */
function falseLength(random: Random): Buffer {
  const head = random.pick([
    [0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0x81, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
    [0x81, 0xfe, 0xff, 0xff],
    [0x81, 0x05, 1, 2, 3, 4, 5],
    [0x89, 0xfe, 0, 200],
    [0x81, 0xfe, 0, 3, 0, 0, 0, 0, 1, 2, 3],
  ])
  return Buffer.from(head)
}

/** A text in many frames. */
function fragments(random: Random): Buffer {
  const count = random.pick([2, 10, 100])
  return Buffer.concat(
    Array.from({ length: count }, (_, at) =>
      framed(Buffer.from(at === 0 ? '{' : ' '), at === 0 ? 0x01 : at === count - 1 ? 0x80 : 0x00),
    ),
  )
}

function parts(random: Random, bytes: Buffer): readonly Buffer[] {
  if (random.next() < 0.6) return [bytes]
  const at = random.int(0, bytes.length)
  return [bytes.subarray(0, at), bytes.subarray(at)].filter((part) => part.length > 0)
}
