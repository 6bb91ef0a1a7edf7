import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

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
