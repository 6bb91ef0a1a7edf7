import { StringDecoder } from 'node:string_decoder'

/** Decodes HTTP/1.1's chunked coding. Throws on a wrong coding, which a server must not send. */
export function createChunkReader(onText: (text: string) => void): (bytes: Buffer) => void {
  const decoder = new StringDecoder('utf8')
  let rest: Buffer = Buffer.alloc(0)
  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    for (let begin = rest.indexOf('\r\n'); begin >= 0; begin = rest.indexOf('\r\n')) {
      const line = rest.toString('latin1', 0, begin)
      if (!/^[\da-f]+$/i.test(line)) throw new Error(`a chunk begins with ${JSON.stringify(line)}`)
      const end = begin + 2 + Number.parseInt(line, 16)
      if (rest.length < end + 2) return
      if (rest.toString('latin1', end, end + 2) !== '\r\n') throw new Error('a chunk is longer than it says')
      const text = decoder.write(rest.subarray(begin + 2, end))
      rest = rest.subarray(end + 2)
      if (text !== '') onText(text)
    }
  }
}
