import { connect } from 'node:net'

import { framed, type SocketInput } from './inputs.ts'

/** What a server sent to a client. */
export interface Played {
  /** The status of its response to the upgrade. */
  readonly status: number
  readonly texts: readonly string[]
  /** Of its close frame; undefined if there was none. */
  readonly code: number | undefined
  /** What is wrong with its frames, if anything is. */
  readonly wrong: string | undefined
  /** Whether the server ended the connection first. */
  readonly ended: boolean
}

const HANDSHAKE = [
  'GET /live HTTP/1.1',
  'Host: fuzz',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Protocol: penknife.v1',
  '\r\n',
].join('\r\n')

/** A server waits for the rest of a half frame. */
const HALF_MS = 50

/** The last frame of an input: its reply shows that the server has read everything. */
const LAST = framed(Buffer.from('{"kind":"ping","n":424242}'), 0x81)

/** Plays an input on a connection of its own. Resolves when the server answered the last frame, or ended. */
export function playSocket(
  port: number,
  { writes, leaving, whole }: SocketInput,
  waitMs: number,
): Promise<Played> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const texts: string[] = []
    let status = 0
    let code: number | undefined
    let wrong: string | undefined
    let rest = Buffer.alloc(0)
    let left = false

    function leave(ended: boolean): void {
      if (left) return
      left = true
      clearTimeout(timer)
      if (leaving === 'reset') socket.resetAndDestroy()
      else socket.destroy()
      resolve({ status, texts, code, wrong, ended })
    }
    let timer = setTimeout(() => leave(false), waitMs)

    function begin(): void {
      for (const part of writes) socket.write(part)
      if (leaving === 'reset') return void setImmediate(leave, false)
      socket.write(LAST)
      if (!whole) {
        clearTimeout(timer)
        timer = setTimeout(() => leave(false), HALF_MS)
      }
      if (leaving === 'end') socket.end()
    }

    function read(): void {
      for (;;) {
        if (rest.length < 2) return
        const [first, second] = rest as unknown as [number, number]
        let size = second & 127
        let at = 2
        if (size === 126) [size, at] = [rest.length < 4 ? Infinity : rest.readUInt16BE(2), 4]
        if (size === 127) [size, at] = [rest.length < 10 ? Infinity : Number(rest.readBigUInt64BE(2)), 10]
        if (rest.length < at + size) return
        const payload = rest.subarray(at, at + size)
        rest = rest.subarray(at + size)
        if (second & 128) wrong ??= 'a masked frame'
        if (code !== undefined) wrong ??= 'a frame after the close frame'
        if (first === 0x81) texts.push(payload.toString())
        else if (first === 0x88) code = size < 2 ? 1005 : payload.readUInt16BE(0)
        else if (first !== 0x89 && first !== 0x8a) wrong ??= `a frame that begins with ${first}`
        if (first === 0x81 && texts.at(-1)?.includes('"n":424242')) leave(false)
      }
    }

    socket.on('connect', () => socket.write(HANDSHAKE))
    socket.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes])
      if (status === 0) {
        const end = rest.indexOf('\r\n\r\n')
        if (end < 0) return
        status = Number(rest.toString('latin1', 9, 12))
        rest = rest.subarray(end + 4)
        if (status === 101) begin()
      }
      if (status === 101) read()
    })
    socket.on('error', () => {})
    socket.on('close', () => leave(true))
  })
}
