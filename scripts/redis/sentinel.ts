import { setTimeout as delay } from 'node:timers/promises'

import { send } from './resp.ts'
import { type PrivateRedis, startRedis } from './server.ts'

export interface SentinelOptions {
  /** Default 1. */
  readonly replicas?: number
  /** Default 3, of which a majority must agree that the master is gone. */
  readonly sentinels?: number
  /** More server arguments for the master and its replicas. */
  readonly args?: readonly string[]
  /** Whether every write of master and replicas is on disk before its reply. Default false. */
  readonly persist?: boolean
}

/** A master, its replicas, and sentinels that promote a replica within about two seconds of the master's end. */
export interface PrivateSentinels extends AsyncDisposable {
  /** The name by which sentinels know the master. */
  readonly name: string
  /** The master at the start, then the replicas. */
  readonly servers: readonly PrivateRedis[]
  readonly sentinels: readonly PrivateRedis[]
  /** What ioredis takes as `sentinels`. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  /** The server that is master now, by the word of a majority of sentinels. */
  master(): Promise<PrivateRedis>
  stop(): Promise<void>
}

const name = 'penknife'
const formWithinMs = 30_000
const downAfterMs = 500

/** Starts private servers and sentinels; resolves when all know each other and every replica is linked. */
export async function startSentinels(options: SentinelOptions = {}): Promise<PrivateSentinels> {
  const { replicas = 1, sentinels: count = 3, args = [], persist = false } = options
  const started: PrivateRedis[] = []
  const start = async (more: readonly string[], keeps: boolean): Promise<PrivateRedis> => {
    const server = await startRedis({ persist: keeps, args: more })
    started.push(server)
    return server
  }
  const stop = async (): Promise<void> => void (await Promise.all(started.map((server) => server.stop())))
  try {
    const common = ['--repl-diskless-sync-delay', '0', ...args]
    const first = await start(common, persist)
    const following = ['--replicaof', first.host, String(first.port), ...common]
    const others = await Promise.all(Array.from({ length: replicas }, () => start(following, persist)))
    const sentinels = await Promise.all(Array.from({ length: count }, () => start(['--sentinel'], false)))
    const servers = [first, ...others]
    await until(async () => (await Promise.all(others.map(isLinked))).every(Boolean))
    for (const sentinel of sentinels) await watch(sentinel, first, Math.floor(count / 2) + 1)
    await until(async () =>
      (await Promise.all(sentinels.map((each) => knows(each, replicas, count - 1)))).every(Boolean),
    )
    return {
      name,
      servers,
      sentinels,
      addresses: sentinels.map(({ host, port }) => ({ host, port })),
      async master() {
        const ports = await Promise.all(sentinels.map(masterPort))
        const port = ports.find((each) => ports.filter((other) => other === each).length > count / 2)
        const found = servers.find((server) => server.port === port)
        if (!found) throw new Error(`the sentinels do not agree on a master: ${ports.join(', ')}`)
        return found
      },
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function watch(sentinel: PrivateRedis, master: PrivateRedis, quorum: number): Promise<void> {
  await send(sentinel, ['SENTINEL', 'MONITOR', name, master.host, String(master.port), String(quorum)])
  await send(sentinel, ['SENTINEL', 'SET', name, 'down-after-milliseconds', String(downAfterMs)])
  await send(sentinel, ['SENTINEL', 'SET', name, 'failover-timeout', '5000'])
}

async function knows(sentinel: PrivateRedis, replicas: number, sentinels: number): Promise<boolean> {
  const fields = (await send(sentinel, ['SENTINEL', 'MASTER', name])) as string[]
  const of = (field: string): string | undefined => fields[fields.indexOf(field) + 1]
  return (
    of('flags') === 'master' &&
    Number(of('num-slaves')) === replicas &&
    Number(of('num-other-sentinels')) === sentinels
  )
}

async function masterPort(sentinel: PrivateRedis): Promise<number> {
  const reply = (await send(sentinel, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name])) as string[]
  return Number(reply[1])
}

async function isLinked(replica: PrivateRedis): Promise<boolean> {
  return String(await send(replica, ['INFO', 'replication'])).includes('master_link_status:up')
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + formWithinMs
  while (!(await holds())) {
    if (Date.now() > end)
      throw new Error(`master, replicas and sentinels did not form within ${formWithinMs} ms`)
    await delay(20)
  }
}
