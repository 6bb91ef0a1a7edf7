import { setTimeout as delay } from 'node:timers/promises'

import { type Proxy, startProxy } from '../../scripts/redis/proxy.ts'
import { send } from '../../scripts/redis/resp.ts'
import { type PrivateRedis, startRedis } from '../../scripts/redis/server.ts'

/** A master and its replica, both with every write on disk before its reply, behind one address. */
export interface Pair {
  readonly master: PrivateRedis
  /** In front of whichever is master. */
  readonly front: Proxy
  /** Whether, within this time, the replica has all and would survive its own end. */
  untilSynced(ms: number): Promise<boolean>
  /** Until `front.comeBack()` nobody reaches Redis; what was on its way is carried out. */
  isolate(): Promise<void>
  /**
   * The replica learns nothing any more for a while, then takes over without what it lacks; the old master becomes
   * its replica. `before` is called when nobody can write any more, `after` before anybody can again.
   */
  promote(lagMs: number, before: () => Promise<void>, after: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

const SETTINGS = ['--repl-diskless-sync-delay', '0', '--save', '']

export async function startPair(): Promise<Pair> {
  const settings = { persist: true, args: SETTINGS }
  let [master, replica] = await Promise.all([startRedis(settings), startRedis(settings)])
  // A proxy looks at its target for each connection.
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

/** Until a server has carried out what was on its way, from all but its unix socket and its replica. */
async function untilAlone({ socket }: PrivateRedis): Promise<void> {
  for (;;) {
    const clients = String(await send({ socket }, ['CLIENT', 'LIST'])).split('\n')
    if (!clients.some((line) => line.includes(' addr=127.0.0.1') && !line.includes('flags=S'))) return
    await delay(5)
  }
}
