const CRLF = '\r\n'

/**
 * Reads a body in HTTP/1.1's chunked coding, piece by piece as it comes: gives the bytes of the chunks, and throws where
 * the framing is broken. `ended` is true once the chunk of no bytes was there: the server ended the body itself.
 */
export class ChunkedBody {
  ended = false
  #waiting: Buffer = Buffer.alloc(0)

  take(bytes: Buffer): Buffer {
    this.#waiting = Buffer.concat([this.#waiting, bytes])
    const parts: Buffer[] = []
    for (;;) {
      const line = this.#waiting.indexOf(CRLF)
      if (line < 0 || this.ended) break
      const text = this.#waiting.toString('latin1', 0, line)
      if (!/^[\da-f]{1,8}$/i.test(text)) throw new Error(`no size of a chunk: '${text.slice(0, 40)}'`)
      const size = Number.parseInt(text, 16)
      const from = line + CRLF.length
      if (this.#waiting.length < from + size + CRLF.length) break
      if (this.#waiting.toString('latin1', from + size, from + size + CRLF.length) !== CRLF) {
        throw new Error('a chunk does not end where its size says')
      }
      parts.push(this.#waiting.subarray(from, from + size))
      this.#waiting = this.#waiting.subarray(from + size + CRLF.length)
      this.ended = size === 0
    }
    return Buffer.concat(parts)
  }
}
