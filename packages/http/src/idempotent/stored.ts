import { isUtf8 } from 'node:buffer'

import { PenknifeError } from '@penknife/core'
import { invalid } from '@penknife/core/internal'

import type { Reply } from '../answer.ts'
import type { HeaderValue } from '../exchange/exchange.ts'

/** The response headers that are stored and replayed. */
const STORED = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'etag',
  'last-modified',
  'link',
  'location',
  'vary',
]

/** Headers of one connection or one client: a replay must not have them. */
const NEVER = new Set([
  'set-cookie',
  'set-cookie2',
  'connection',
  'content-length',
  'date',
  'idempotent-replayed',
  'keep-alive',
  'proxy-authenticate',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'www-authenticate',
])

/** The most characters of the stored headers. */
const MOST_HEADERS = 16_384

/**
 * The names of the headers to store, in lower case.
 *
 * @throws PENKNIFE_INVALID for a name that is no header or must not be replayed
 */
export function storedHeaders(added: readonly string[]): readonly string[] {
  if (!Array.isArray(added)) throw invalid('idempotent headers', added, 'give a list of names of headers')
  for (const name of added as readonly unknown[]) {
    if (typeof name !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
      throw invalid('a name in idempotent headers', name, "give the name of a header, such as 'X-Order-Id'")
    }
    if (NEVER.has(name.toLowerCase())) {
      throw invalid(
        'a name in idempotent headers',
        name,
        'leave it out: it belongs to one client or connection, and is never replayed',
      )
    }
  }
  return [...new Set([...STORED, ...added.map((name) => name.toLowerCase())])]
}

interface Head {
  readonly status: number
  readonly headers: Readonly<Record<string, HeaderValue>>
  readonly base64?: true
}

/** What the stored text is made of. */
export interface Response {
  readonly status: number
  getHeader(name: string): HeaderValue | undefined
  readonly body: Buffer
}

/** A response as text: a line of JSON, then the body. Undefined if the headers are too long. */
export function encodeResponse(
  { status, getHeader, body }: Response,
  names: readonly string[],
): string | undefined {
  const headers: Record<string, HeaderValue> = {}
  for (const name of names) {
    const value = getHeader(name)
    if (value !== undefined) headers[name] = value
  }
  const plain = isUtf8(body)
  const head: Head = plain ? { status, headers } : { status, headers, base64: true }
  const line = JSON.stringify(head)
  return line.length > MOST_HEADERS ? undefined : `${line}\n${body.toString(plain ? 'utf8' : 'base64')}`
}

/**
 * The reply that repeats a stored response.
 *
 * @throws PENKNIFE_BAD_REPLY for text that `encodeResponse` did not make
 */
export function decodeResponse(stored: string): Reply {
  const end = stored.indexOf('\n')
  const { status, headers, base64 } = parseHead(stored.slice(0, Math.max(0, end)))
  const body = Buffer.from(stored.slice(end + 1), base64 ? 'base64' : 'utf8')
  const empty = body.length === 0 && headers['content-type'] === undefined
  return { status, headers: { ...headers, 'Idempotent-Replayed': 'true' }, ...(empty ? {} : { body }) }
}

function parseHead(line: string): Head {
  try {
    const head = JSON.parse(line) as Head
    if (Number.isInteger(head.status) && typeof head.headers === 'object' && head.headers !== null)
      return head
  } catch (error) {
    throw damaged(error)
  }
  throw damaged()
}

function damaged(cause?: unknown): PenknifeError {
  return new PenknifeError(
    'PENKNIFE_BAD_REPLY',
    'idempotent: a stored response cannot be read: delete its key',
    { cause },
  )
}
