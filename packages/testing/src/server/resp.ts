import { connect } from 'node:net'
import type { Socket } from 'node:net'

export type Reply = string | number | null | Reply[]

export type Address = { readonly socket: string } | { readonly host: string; readonly port: number }

/** An error the server answered with, as against a connection that failed. */
export class ReplyError extends Error {
  override readonly name: string = 'ReplyError'
}

/** Sends one command over a connection of its own and gives its reply. */
export async function send(
  address: Address,
  args: readonly string[],
  timeoutMs: number = 5000,
): Promise<Reply> {
  const socket = 'socket' in address ? connect(address.socket) : connect(address.port, address.host)
  return (await sendAll(socket, [args], timeoutMs)).at(-1) as Reply
}

/** Sends commands over a socket, gives their replies and closes it; rejects with the first error among them. */
export function sendAll(
  socket: Socket,
  commands: readonly (readonly string[])[],
  timeoutMs: number = 5000,
): Promise<Reply[]> {
  return new Promise((resolve, reject) => {
    const replies: Reply[] = []
    let received = Buffer.alloc(0)
    const what = (): string => String(commands[replies.length]?.[0])
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(timeoutMs, () => fail(new Error(`no reply to ${what()} within ${timeoutMs} ms`)))
    socket.on('error', fail)
    socket.on('close', () => fail(new Error(`the connection closed before the reply to ${what()}`)))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      try {
        for (let parsed = parse(received, 0); parsed !== undefined; parsed = parse(received, 0)) {
          received = received.subarray(parsed.next)
          replies.push(parsed.reply)
        }
      } catch (error) {
        fail(error as Error)
      }
      if (replies.length < commands.length) return
      resolve(replies)
      socket.destroy()
    })
    socket.write(commands.map(encode).join(''))
  })
}

function encode(args: readonly string[]): string {
  return `*${args.length}\r\n` + args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')
}

interface Parsed {
  readonly reply: Reply
  readonly next: number
}

/** Undefined while the reply is incomplete. */
function parse(bytes: Buffer, at: number): Parsed | undefined {
  const end = bytes.indexOf('\r\n', at)
  if (end < 0) return undefined
  const type = String.fromCharCode(bytes[at] ?? 0)
  const line = bytes.toString('utf8', at + 1, end)
  const next = end + 2
  if (type === '+') return { reply: line, next }
  if (type === '-') throw new ReplyError(line)
  if (type === ':') return { reply: Number(line), next }
  if (type === '$') return parseBulk(bytes, next, Number(line))
  if (type === '*') return parseArray(bytes, next, Number(line))
  throw new Error(`not a RESP2 reply: ${type}${line}`)
}

function parseBulk(bytes: Buffer, at: number, length: number): Parsed | undefined {
  if (length < 0) return { reply: null, next: at }
  if (bytes.length < at + length + 2) return undefined
  return { reply: bytes.toString('utf8', at, at + length), next: at + length + 2 }
}

function parseArray(bytes: Buffer, at: number, length: number): Parsed | undefined {
  if (length < 0) return { reply: null, next: at }
  const reply: Reply[] = []
  let next = at
  while (reply.length < length) {
    const item = parse(bytes, next)
    if (item === undefined) return undefined
    reply.push(item.reply)
    next = item.next
  }
  return { reply, next }
}
