import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

/** Returns another reply as RESP. Undefined leaves the reply unchanged. */
export type Spoil = (command: readonly string[], reply: string) => string | undefined

/** A Redis that answers some commands with something else than it should. */
export interface SpoilingProxy {
  readonly url: string
  /** From the next command on; undefined: everything passes again. */
  spoil: Spoil | undefined
  /** Returns another message instead of a channel's message. */
  spoilMessage: ((message: string) => string | undefined) | undefined
  /** Replies and messages that were replaced so far. */
  readonly spoiled: number
  close(): void
}

/** A proxy in front of a Redis that reads commands, replies and messages. */
export async function startSpoilingProxy(target: {
  readonly host: string
  readonly port: number
}): Promise<SpoilingProxy> {
  let spoiled = 0
  const proxy = {
    url: '',
    spoil: undefined as Spoil | undefined,
    spoilMessage: undefined as SpoilingProxy['spoilMessage'],
    get spoiled() {
      return spoiled
    },
    close: () => void server.close(),
  }
  const server = createServer((client) => {
    const redis = connect(target.port, target.host)
    const asked: { readonly words: readonly string[]; readonly spoil: Spoil | undefined }[] = []
    // A connection that follows channels is sent more than replies: no reply there is spoiled.
    let follows = false
    const commands = splitter((message) => {
      const words = wordsOf(message)
      follows ||= words[0] === 'ssubscribe'
      asked.push({ words, spoil: follows ? undefined : proxy.spoil })
    })
    const replies = splitter((message) => {
      let instead: string | undefined
      if (follows) {
        if (message.includes('\r\nsmessage\r\n')) instead = proxy.spoilMessage?.(message)
      } else {
        const { words, spoil } = asked.shift() ?? { words: [], spoil: undefined }
        instead = spoil?.(words, message)
      }
      if (instead !== undefined) spoiled += 1
      client.write(instead ?? message, 'latin1')
    })
    client.on('data', (chunk) => {
      commands(chunk)
      redis.write(chunk)
    })
    redis.on('data', replies)
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      // Else a short reply behind another waits for 40 ms.
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy.url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
  return proxy
}

/** Cuts a stream of bytes into RESP messages, a character for each byte. */
function splitter(tell: (message: string) => void): (chunk: Buffer) => void {
  let text = ''
  return (chunk) => {
    text += chunk.toString('latin1')
    for (let end = endOf(text, 0); end > 0; end = endOf(text, 0)) {
      const message = text.slice(0, end)
      text = text.slice(end)
      tell(message)
    }
  }
}

/** Where the message that begins there ends; 0 while it is incomplete. */
function endOf(text: string, at: number): number {
  const line = text.indexOf('\r\n', at)
  if (line < 0) return 0
  const length = Number(text.slice(at + 1, line))
  let end = line + 2
  const type = text[at] as string
  if ('$=!'.includes(type) && length >= 0) end += length + 2
  else if ('*~>%|'.includes(type)) {
    const parts = '%|'.includes(type) ? 2 * length : length
    for (let left = parts; left > 0 && end > 0; left--) end = endOf(text, end)
  }
  return end <= text.length ? end : 0
}

function wordsOf(command: string): string[] {
  const words: string[] = []
  for (let at = command.indexOf('\r\n') + 2; at < command.length; at = endOf(command, at)) {
    words.push(command.slice(command.indexOf('\r\n', at) + 2, endOf(command, at) - 2))
  }
  return words.map((word, at) => (at === 0 ? word.toLowerCase() : word))
}
