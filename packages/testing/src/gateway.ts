import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

import { bytesOf, type Command, createCommandReader } from './commands.ts'
import { createScripts } from './scripts.ts'
import { onFreePort } from './server/ports.ts'
import type { Upstream } from './upstream.ts'

/** What a client of the tests does not get from Redis. */
export type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'away' }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'full' }

/**
 * A TCP server of this process between the clients of the tests and their Redis. It lets scripts follow the clock and makes
 * failures; everything else passes as it is.
 */
export interface Gateway {
  readonly port: number
  fail(fault: Fault): Promise<void>
  /** Workers whose connection for reading is open. */
  workers(): string[]
  /** Pub/sub channels that clients follow now. */
  channels(): string[]
  close(): Promise<void>
}

/** One connection of a client. */
interface Link {
  readonly client: Socket
  readonly redis: Socket
  readonly workers: Set<string>
  readonly channels: Set<string>
  /** Replies that come later, because Redis is slow. */
  readonly kept: { readonly chunk: Buffer }[]
}

const OOM = "command not allowed when used memory > 'maxmemory'."
const OOM_SCRIPT = "allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'"

/** Commands that Redis refuses when its memory is full, of those that applications send beside penknife. */
const WRITES = new Set(
  `APPEND BITFIELD BITOP COPY GEOADD GETSET HINCRBY HINCRBYFLOAT HMSET HSET HSETNX INCR INCRBY INCRBYFLOAT DECR DECRBY
  LINSERT LMOVE LPUSH LPUSHX LSET MSET MSETNX PFADD PSETEX RESTORE RPUSH RPUSHX SADD SDIFFSTORE SET SETBIT SETEX SETNX
  SETRANGE SINTERSTORE SMOVE SORT SUNIONSTORE XADD XGROUP ZADD ZINCRBY ZINTERSTORE ZRANGESTORE ZUNIONSTORE`.split(
    /\s+/,
  ),
)

// A test may replace the global one.
const { setTimeout } = globalThis

/** `clock` gives the periods of the clock, for the prelude of scripts. */
export async function startGateway(upstream: Upstream, clock: () => string): Promise<Gateway> {
  const links = new Set<Link>()
  const scripts = createScripts()
  let fault: Fault = { kind: 'none' }
  let server: Server | undefined

  const workers = (): string[] => [...links].flatMap((link) => [...link.workers])
  const state = (): string => `{"t":${clock()},"w":${JSON.stringify(workers())}}`

  function accept(client: Socket): void {
    const redis = upstream.open()
    const link: Link = { client, redis, workers: new Set(), channels: new Set(), kept: [] }
    links.add(link)
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        links.delete(link)
        other.destroy()
      })
    }
    const read = createCommandReader()
    client.on('data', (chunk) => {
      const commands = read(chunk)
      if (commands.length > 0) redis.write(Buffer.concat(commands.map((command) => toRedis(link, command))))
    })
    redis.on('data', (chunk) => toClient(link, chunk))
  }

  function toRedis(link: Link, command: Command): Buffer {
    if ('line' in command) return command.line
    const name = String(command[0]).toUpperCase()
    if (name === 'EVAL' || name === 'EVALSHA') {
      const { args, runsWhenFull, worker } = scripts.rewrite(command, state())
      if (worker !== undefined) link.workers.add(worker)
      return bytesOf(fault.kind === 'full' && runsWhenFull === false ? refusal(OOM_SCRIPT) : args)
    }
    note(link, name, command)
    return bytesOf(fault.kind === 'full' && WRITES.has(name) ? refusal(OOM) : command)
  }

  function note(link: Link, name: string, args: readonly Buffer[]): void {
    if (name === 'XREADGROUP') link.workers.add(String(args[3]))
    else if (name === 'SSUBSCRIBE') for (const channel of args.slice(1)) link.channels.add(String(channel))
    else if (name === 'SUNSUBSCRIBE')
      for (const channel of args.slice(1)) link.channels.delete(String(channel))
  }

  function toClient(link: Link, chunk: Buffer): void {
    if (fault.kind !== 'slow') {
      link.client.write(chunk)
      return
    }
    const reply = { chunk }
    link.kept.push(reply)
    setTimeout(() => pass(link, link.kept.indexOf(reply) + 1), fault.ms).unref()
  }

  /** Passes on the oldest replies that are kept back. */
  function pass({ kept, client }: Link, count: number): void {
    for (const { chunk } of kept.splice(0, count)) if (!client.destroyed) client.write(chunk)
  }

  async function listen(port: number): Promise<number> {
    server = createServer(accept).unref()
    server.listen({ port, host: '127.0.0.1' })
    await once(server, 'listening')
    return port
  }

  async function leave(): Promise<void> {
    const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
    server = undefined
    for (const { client, redis } of links) {
      client.destroy()
      redis.destroy()
    }
    await closed
  }

  const port = await onFreePort(false, listen)
  return {
    port,
    async fail(next) {
      for (const link of links) pass(link, Infinity)
      fault = next
      if (next.kind === 'away') await leave()
      else if (!server) await listen(port)
    },
    workers,
    channels: () => [...new Set([...links].flatMap((link) => [...link.channels]))],
    close: leave,
  }
}

/** A command that Redis answers with an error. */
function refusal(error: string): string[] {
  return ['EVAL', 'return redis.error_reply(ARGV[1])', '0', `OOM ${error}`]
}
