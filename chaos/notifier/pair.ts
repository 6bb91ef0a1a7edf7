import { setTimeout as delay } from 'node:timers/promises'

import { type Proxy, startProxy } from '../../scripts/redis/proxy.ts'
import { send } from '../../scripts/redis/resp.ts'
import { type PrivateRedis, startRedis } from '../../scripts/redis/server.ts'

/** A master and its replica behind one address. Both write each command to disk before they reply. */
export interface Pair {
  readonly master: PrivateRedis
  /** The proxy in front of the present master. */
  readonly front: Proxy
  /** Whether the replica gets all writes onto its disk within this time. */
  untilSynced(ms: number): Promise<boolean>
  /** Blocks all clients until `front.comeBack()`. Commands that were sent before are carried out. */
  isolate(): Promise<void>
  /**
   * Cuts the replica off for a while. Then it takes over without the writes that it lacks, and the old master becomes
   * its replica. Calls `before` when no client can write any more, and `after` before clients can write again.
   */
  promote(lagMs: number, before: () => Promise<void>, after: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

const SETTINGS = ['--repl-diskless-sync-delay', '0', '--save', '']

export async function startPair(): Promise<Pair> {
  const settings = { persist: true, args: SETTINGS }
  let [master, replica] = await Promise.all([startRedis(settings), startRedis(settings)])
  // A proxy reads its target for each new connection.
  const address = { host: '127.0.0.1', port: master.port }
  const source = { ...address }
  const front = await startProxy(address)
  const link = await startProxy(source)
  const follow = (): Promise<unknown> =>
    send({ socket: replica.socket }, ['REPLICAOF', '127.0.0.1', String(link.port)])
  await follow()

  async function isolate(): Promise<void> {
    await front.leave()
    await untilAlone(master)
  }

  return {
    get master() {
      return master
    },
    front,
    async untilSynced(ms) {
      const end = performance.now() + ms
      while (!(await isSynced(replica))) {
        if (performance.now() > end) return false
        await delay(50)
      }
      return true
    },
    isolate,
    async promote(lagMs, before, after) {
      link.goSilent()
      await delay(lagMs)
      await isolate()
      await before()
      await master.kill()
      await send({ socket: replica.socket }, ['REPLICAOF', 'NO', 'ONE'])
      ;[master, replica] = [replica, master]
      address.port = master.port
      source.port = master.port
      await after()
      await front.comeBack()
      link.pass()
      link.cut()
      await replica.start()
      await follow()
    },
    async stop() {
      await Promise.all([front.leave(), link.leave()])
      await Promise.all([master.stop(), replica.stop()])
    },
  }
}

async function isSynced({ socket }: PrivateRedis): Promise<boolean> {
  const info = await send({ socket }, ['INFO']).then(String, () => '')
  return ['master_link_status:up', 'aof_rewrite_in_progress:0', 'aof_rewrite_scheduled:0'].every((line) =>
    info.includes(line),
  )
}

/** Waits until a server has carried out the commands of all TCP clients except its replica. */
async function untilAlone({ socket }: PrivateRedis): Promise<void> {
  for (;;) {
    const clients = String(await send({ socket }, ['CLIENT', 'LIST'])).split('\n')
    if (!clients.some((line) => line.includes(' addr=127.0.0.1') && !line.includes('flags=S'))) return
    await delay(5)
  }
}
