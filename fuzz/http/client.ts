import { connect } from 'node:net'

import type { Input } from './inputs.ts'

/** A client whose connection is not closed by then is closed. */
const LONGEST_MS = 500

/** Sends an input to a server. Resolves with the answer as latin1 when the connection is closed. */
export function play(port: number, { writes, leaving, afterMs, slow }: Input): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.setEncoding('latin1').setNoDelay(true)
    if (slow) socket.pause()
    else socket.on('data', (chunk: string) => (text += chunk))
    socket.on('error', () => {})
    const late = setTimeout(() => socket.destroy(), LONGEST_MS)
    socket.once('close', () => {
      clearTimeout(late)
      resolve(text)
    })
    socket.once('connect', () => {
      writes.forEach((bytes, nth) => void setTimeout(() => socket.writable && socket.write(bytes), nth))
      setTimeout(() => leave(), writes.length - 1 + afterMs)
    })

    function leave(): void {
      if (leaving === 'close') socket.destroy()
      else if (leaving === 'reset') socket.resetAndDestroy()
      else {
        if (leaving === 'end') socket.end()
        socket.resume()
        setTimeout(() => socket.destroy(), 50)
      }
    }
  })
}
