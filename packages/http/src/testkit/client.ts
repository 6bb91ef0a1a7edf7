import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'

export interface CallOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** A list goes out as a chunked body without a length. */
  readonly body?: string | readonly string[]
}

export interface Called {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** One request on a connection of its own, read to its end. */
export async function call(url: string, options: CallOptions = {}): Promise<Called> {
  const response = await open(url, options)
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode ?? 0, headers: response.headers, text }
}

/** One request; resolves with the response as soon as its headers are there. */
export function open(url: string, options: CallOptions = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    begin(url, options).on('response', resolve).on('error', reject)
  })
}

/** One request, to be watched or broken off by the caller. */
export function begin(url: string, { method = 'GET', headers = {}, body }: CallOptions = {}): ClientRequest {
  const sent = request(url, { method, headers, agent: false })
  if (typeof body === 'string') return sent.end(body)
  for (const chunk of body ?? []) sent.write(chunk)
  return sent.end()
}

/** The next bytes of a response, as text. */
export function nextChunk(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    response.once('data', (chunk: Buffer) => resolve(chunk.toString()))
    response.once('error', reject)
    response.once('end', () => reject(new Error('the response ended')))
  })
}

/** A connection of one's own, for what no HTTP client does: half requests, several at once, a reset. */
export interface RawConnection {
  readonly socket: Socket
  /** What came so far, as latin1. */
  readonly text: string
  /** Resolves when the connection closed. */
  readonly closed: Promise<void>
}

/** Connects and sends text as it is; `httpGet` makes some. */
export function raw(url: string, text: string): RawConnection {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk))
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  return {
    socket,
    get text() {
      return received
    },
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
  }
}

/** A GET request as text. */
export function httpGet(target: string, version = '1.1', headers = ''): string {
  return `GET ${target} HTTP/${version}\r\nHost: x\r\n${headers}\r\n`
}
