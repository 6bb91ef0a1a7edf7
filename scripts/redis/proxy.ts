import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy in front of a Redis, to make the network fail on purpose. `leave` ends it. */
export interface Proxy {
  readonly port: number
  readonly url: string
  /** From now on replies are dropped. Commands of clients still arrive. */
  swallowReplies(): void
  /** Holds back replies, from the reply to the next command that contains this text. `pass()` sends them in one piece. */
  holdReplies(command: string): void
  /** The replies that are held back. */
  readonly pending: string
  /** From now on no byte passes in either direction, and no socket closes. */
  goSilent(): void
  /** Everything passes again; with `only: 'new'` open connections stay as they are. */
  pass(options?: { readonly only?: 'new' }): void
  /** Closes every open connection. */
  cut(): void
  /** Stops listening and closes every connection, as if Redis had ended. */
  leave(): Promise<void>
  /** Listens again on the same port. */
  comeBack(): Promise<void>
  /** Bytes that clients sent so far. */
  readonly received: number
  /** Connections that clients opened so far. */
  readonly opened: number
}

type Mode = 'pass' | 'swallow' | 'silent' | 'hold'

/** What becomes of the bytes of the connections that share it. */
interface Fate {
  mode: Mode
  /** A command that contains it makes the mode `hold`. */
  holdFrom?: string | undefined
  /** What waits, of each connection. */
  readonly waiting: Map<Socket, Buffer[]>
}

export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<Proxy> {
  const open = new Set<Socket>()
  let fate: Fate = { mode: 'pass', waiting: new Map() }
  let received = 0
  let opened = 0
  let server: Server | undefined

  function accept(client: Socket): void {
    const redis = connect(target.port, target.host)
    const mine = fate
    opened += 1
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        if (mine.mode !== 'silent') other.destroy()
      })
    }
    client.on('data', (chunk) => {
      if (mine.mode === 'silent') return
      received += chunk.length
      if (mine.holdFrom !== undefined && chunk.includes(mine.holdFrom)) mine.mode = 'hold'
      redis.write(chunk)
    })
    redis.on('data', (chunk) => {
      if (mine.mode === 'pass') client.write(chunk)
      else if (mine.mode === 'hold') mine.waiting.set(client, [...(mine.waiting.get(client) ?? []), chunk])
    })
  }

  async function listen(port: number): Promise<number> {
    server = createServer(accept).listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  function cut(): void {
    for (const socket of open) socket.destroy()
  }
  async function leave(): Promise<void> {
    const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
    server = undefined
    cut()
    await closed
  }

  const port = await listen(0)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    holdReplies: (command) => void (fate.holdFrom = command),
    get pending() {
      return Buffer.concat([...fate.waiting.values()].flat()).toString()
    },
    swallowReplies: () => void (fate.mode = 'swallow'),
    goSilent: () => void (fate.mode = 'silent'),
    pass({ only } = {}) {
      if (only === 'new') fate = { mode: 'pass', waiting: new Map() }
      else fate.mode = 'pass'
      fate.holdFrom = undefined
      for (const [client, chunks] of fate.waiting) client.write(Buffer.concat(chunks))
      fate.waiting.clear()
    },
    cut,
    leave,
    comeBack: async () => void (await listen(port)),
    get received() {
      return received
    },
    get opened() {
      return opened
    },
  }
}
