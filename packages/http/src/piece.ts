/** A queued part of a body. Text is sent as UTF-8. */
export type Part = string | Uint8Array

/** Bytes of a body, plain and as one chunk of HTTP/1.1's chunked coding. Both are views of the same memory. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly chunk: Uint8Array
}

const CRLF = '\r\n'

/** Joins queued parts. They must not be empty, because a chunk of no bytes ends a response. */
export function pieceOf(queue: readonly Part[]): Piece {
  const chunk = queue.every((part) => typeof part === 'string') ? chunkOfText(queue.join('')) : chunkOf(queue)
  return { chunk, bytes: chunk.subarray(chunk.indexOf(CRLF) + CRLF.length, -CRLF.length) }
}

function chunkOfText(text: string): Buffer {
  return Buffer.from(`${sizeLine(Buffer.byteLength(text))}${text}${CRLF}`)
}

function chunkOf(queue: readonly Part[]): Buffer {
  const parts = queue.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))
  const size = parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
  return Buffer.concat([Buffer.from(sizeLine(size)), ...parts, Buffer.from(CRLF)])
}

function sizeLine(bytes: number): string {
  return `${bytes.toString(16)}${CRLF}`
}
