import type { Socket } from 'node:net'

import type { SocketSide } from './task.ts'

const MASK = Buffer.from([1, 2, 3, 4])

/** A masked text frame of a client. */
function framed(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  if (length > 125) throw new Error('only short frames')
  const masked = payload.map((byte, at) => byte ^ (MASK[at & 3] as number))
  return Buffer.concat([Buffer.from([0x81, 0x80 | length]), MASK, masked])
}

const PATHS: Readonly<Record<SocketSide, string>> = {
  'penknife sockets': '/live?',
  ws: '/?',
  'socket.io': '/socket.io/?EIO=4&transport=websocket&',
}

export function upgradeOf(side: SocketSide, channel: string): string {
  return [
    `GET ${PATHS[side]}channel=${channel} HTTP/1.1`,
    'Host: bench',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ...(side === 'penknife sockets' ? ['Sec-WebSocket-Protocol: penknife.v1'] : []),
    '\r\n',
  ].join('\r\n')
}

/** Joins the channel once the server has upgraded. Resolves when it follows. */
export async function join(side: SocketSide, socket: Socket, channel: string): Promise<void> {
  const sees = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const read = (chunk: Buffer): void => {
        if (!chunk.toString('latin1').includes(text)) return
        socket.off('data', read)
        resolve()
      }
      socket.on('data', read)
    })
  await sees('HTTP/1.1 101')
  if (side === 'penknife sockets') {
    const replied = sees('"reply"')
    socket.write(framed(JSON.stringify({ kind: 'subscribe', n: 1, channels: { [channel]: null } })))
    await replied
  } else if (side === 'socket.io') {
    // The packets 'open' and 'connect' of its protocol.
    const connected = sees('40{')
    socket.write(framed('40'))
    await connected
  }
}
