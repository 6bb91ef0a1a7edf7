import type { Random } from '../harness.ts'

/** How a client ends: it closes or resets the connection, ends its half of it, or waits for the server to close. */
export type Leaving = 'close' | 'reset' | 'end' | 'wait'

/** What one hostile client does on one connection. */
export interface Input {
  /** Chunks that are written one after the other, each in its own tick. */
  readonly writes: readonly Buffer[]
  readonly leaving: Leaving
  /** Milliseconds before it leaves. */
  readonly afterMs: number
  /** Reads nothing until it leaves. */
  readonly slow: boolean
}

const METHODS = [
  'GET',
  'GET',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'M-SEARCH',
  'get',
  'X',
]

const PATHS = [
  '/',
  '/items/7',
  '/items/%F0%9F%98%80',
  '/echo',
  '/raw',
  '/captured',
  '/slow',
  '/stream',
  '/events',
  '/events',
  '/events?channel=room',
  '/events?channel=room&channel=other&user=ann',
  '/events?user=ann&user=ben',
  '/api/points/top',
  '/api/points/top?count=7&from=2&window=day&previous=1',
  '/api/points/around/ann?each=3',
  '/api/points/rank/%00',
  '/api/jobs',
  '/api/jobs/1-0',
  '/api/jobs/1-0',
  '/api/jobs/2-0',
  '/api/jobs/3-0',
]

const ODD = [
  '%',
  '%E0%A4%A',
  '%00',
  '%0d%0aX:1',
  '..',
  '\\',
  '//',
  '#',
  '*',
  '?',
  '&',
  '__proto__',
  'constructor',
  '{a}',
  'user:*',
  'é',
  '\u202e',
  '%ed%a0%bd',
  '-1',
  '1e309',
  'NaN',
  '99999999999999999999',
  'x'.repeat(300),
]

const IDS = [
  '',
  '!',
  '!room=1-0',
  'room=1-0',
  'room=-',
  'room=$',
  'room=9999999999999999-999999999999999-ffffff',
  'room=1764000000000-1-0af9b0',
  'room=1764000000000-1-0af9b0&other=1-0',
  '1-5',
  '1-999999999999999',
  'end',
  '%',
  ','.repeat(500),
  'x'.repeat(5000),
]

const KEYS = ['"a"', 'a', '"b"; x=1', '"', '""', 'a, b', '"\\"', 'k'.repeat(256), '\u00ff', '"\u0007"']

const ADDRESSES = [
  '203.0.113.9',
  '203.0.113.9:50000',
  '[2001:db8::1]:1',
  'fe80::1%eth0',
  '::ffff:1.2.3.4',
  'unknown',
  '_x',
  '999.1.1.1',
  ',,',
  '',
]

/** An input that depends on nothing but the random numbers. */
export function makeInput(random: Random): Input {
  const shape = random.int(0, 99)
  const text =
    shape < 45
      ? requestOf(random)
      : shape < 65
        ? Array.from({ length: random.int(2, 25) }, () => requestOf(random)).join('')
        : shape < 75
          ? upload(random)
          : shape < 95
            ? mangled(requestOf(random), random)
            : garbage(random)
  const bytes = Buffer.from(text, 'latin1')
  const slow = random.int(0, 9) === 0
  return {
    writes:
      random.int(0, 4) === 0 ? split(bytes, random) : [random.int(0, 9) === 0 ? half(bytes, random) : bytes],
    leaving: random.pick(['close', 'close', 'reset', 'reset', 'end', 'wait']),
    afterMs: random.pick([0, 0, 0, 1, 5, 20, slow ? 100 : 40]),
    slow,
  }
}

function requestOf(random: Random, more: readonly string[] = [], body = ''): string {
  const version = random.pick(['1.1', '1.1', '1.1', '1.1', '1.0', '0.9', '2.0'])
  const lines = [`${random.pick(METHODS)} ${targetOf(random)} HTTP/${version}`]
  if (random.int(0, 19) > 0) lines.push('Host: x')
  for (let left = random.int(0, 4); left > 0; left--) lines.push(headerOf(random))
  return `${[...lines, ...more].join('\r\n')}\r\n\r\n${body}`
}

function targetOf(random: Random): string {
  let path: string = random.pick(PATHS)
  if (random.int(0, 4) === 0) path = path.toUpperCase()
  if (random.int(0, 4) === 0) path += random.pick(ODD)
  if (random.int(0, 4) === 0) {
    const name = random.pick(['channel', 'user', 'count', 'from', 'each', 'window', 'lastEventId'])
    path += `${path.includes('?') ? '&' : '?'}${name}=${random.pick(random.int(0, 1) ? ODD : IDS)}`
  }
  path = Buffer.from(path.replaceAll(' ', '')).toString('latin1')
  const form = random.int(0, 19)
  if (form === 0) return `http://x${path}`
  if (form === 1) return `HTTP://ann:secret@x:1${path}`
  if (form === 2) return random.pick(['*', 'http://x', 'x:1', '/'.repeat(50), ''])
  return path
}

function headerOf(random: Random): string {
  switch (random.int(0, 15)) {
    case 0:
      return `Last-Event-ID: ${random.pick(IDS)}`
    case 1:
    case 2:
      return `X-Forwarded-For: ${Array.from({ length: random.int(1, 3) }, () => addressOf(random)).join(', ')}`
    case 3:
      return `X-Api-Key: ${random.pick(['', 'k1', 'x'.repeat(300), '\u00ff\u00fe', '{a}'])}`
    case 4:
      return `Connection: ${random.pick(['close', 'keep-alive', 'upgrade', 'x'])}`
    case 5:
      return `Upgrade: ${random.pick(['websocket', 'h2c', 'x'])}`
    case 6:
      return `If-None-Match: ${random.pick(['*', 'W/"x"', '"', ','.repeat(2000)])}`
    case 7:
      return `User-Agent: ${random.pick(['', 'curl', '\u001b[31m', 'x'.repeat(3000), '\u009b31m'])}`
    case 8:
      return `Content-Length: ${random.pick(['0', '5', '-1', '1e3', '99999999999', 'x'])}`
    case 9:
      return `Transfer-Encoding: ${random.pick(['chunked', 'gzip, chunked', 'x'])}`
    case 10:
      return `Expect: ${random.pick(['100-continue', 'x'])}`
    case 11:
      return `X-Big: ${'x'.repeat(random.pick([10, 8000, 17_000]))}`
    case 13:
    case 14:
      return `Idempotency-Key: ${random.pick(random.int(0, 1) ? KEYS : ODD)}`
    case 12:
      return `Accept: ${random.pick(['text/event-stream', 'text/event-stream', '*/*', ''])}`
    default:
      return `${random.pick(['A', 'Range', 'Cookie', '__proto__', 'X\u0000'])}: ${random.pick(ODD)}`
  }
}

function addressOf(random: Random): string {
  return random.int(0, 1) ? random.pick(ADDRESSES) : `198.51.${random.int(0, 255)}.${random.int(0, 255)}`
}

/** A body with the declared length, or with another one. */
function upload(random: Random): string {
  const body = random.int(0, 3) ? 'b'.repeat(random.pick([0, 1, 100, 5000, 70_000])) : '{"a":[1,"\\ud800"]}'
  const path = random.pick(['/raw', '/echo', '/captured', '/', '/events', '/api/jobs'])
  const length =
    random.int(0, 2) === 0
      ? 'Transfer-Encoding: chunked'
      : `Content-Length: ${random.int(0, 3) ? body.length : body.length + random.int(1, 9)}`
  const chunked = length.startsWith('T')
  const end = random.int(0, 3) ? '0\r\n\r\n' : random.pick(['', '0\r\n', 'zz\r\n', '-1\r\n'])
  const content = chunked ? `${body.length.toString(16)}\r\n${body}\r\n${end}` : body
  const version = random.pick(['1.1', '1.0'])
  return `POST ${path} HTTP/${version}\r\nHost: x\r\nContent-Type: application/json\r\n${length}\r\n${headerOf(random)}\r\n\r\n${content}`
}

/** Some bytes changed, taken out, put in or repeated. */
function mangled(text: string, random: Random): string {
  let result = text
  for (let left = random.int(1, 6); left > 0; left--) {
    const at = random.int(0, result.length)
    const [before, after] = [result.slice(0, at), result.slice(at)]
    const byte = String.fromCodePoint(random.int(0, 255))
    result = random.pick([
      before + byte + after,
      before + byte + after.slice(1),
      before + after.slice(random.int(1, 9)),
      before + after.slice(0, 20) + after,
    ])
  }
  return result
}

function garbage(random: Random): string {
  return Array.from({ length: random.int(1, 200) }, () => String.fromCodePoint(random.int(0, 255))).join('')
}

function half(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random.int(0, bytes.length))
}

function split(bytes: Buffer, random: Random): Buffer[] {
  const at = random.int(0, bytes.length)
  const next = random.int(at, bytes.length)
  return [bytes.subarray(0, at), bytes.subarray(at, next), bytes.subarray(next)].filter(
    ({ length }) => length > 0,
  )
}
