import { rmSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { cacheFolder } from '../../packages/testing/src/server/cache.ts'
import { type PrivateRedis, startRedis } from '../../scripts/redis/server.ts'

/** A Redis that the demo starts for itself. */
export interface DemoRedis {
  readonly server: PrivateRedis
  /** Whether it has the data of a demo on the same port that was killed. */
  readonly resumed: boolean
  /** Starts it again after it was killed. */
  start(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
  /** Removes its data at once, for an exit that does not wait. Its watchdog ends it. */
  removeData(): void
}

/**
 * Starts a private Redis whose data survive when the demo is killed. They are in a folder for the demo's port, which
 * only one demo can have. A demo that ends normally removes them.
 */
export async function startDemoRedis(port: number): Promise<DemoRedis> {
  const machine = { env: process.env, platform: process.platform, log: () => {} }
  const folder = join(dirname(cacheFolder(machine)), 'demo', String(port))
  const pidFile = join(folder, 'pid')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const before = Number(await readFile(pidFile, 'utf8').catch(() => '0'))
  if (before > 0) await gone(before)
  const server = await startRedis({ persist: true, args: ['--dir', folder] })
  await writeFile(pidFile, String(server.pid))
  return {
    server,
    resumed: before > 0,
    async start() {
      if (server.running) return
      await server.start()
      await writeFile(pidFile, String(server.pid))
    },
    async stop() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
    removeData: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** The watchdog of a killed demo ends its Redis soon. Two servers must not write to one folder. */
async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 100 && isRedis(await commandOf(pid)); tries++) await delay(50)
}

/** The command line of a process on Linux. Undefined if the process has ended, and on other systems. */
async function commandOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
}

/** Another program may have got the same process id since. */
function isRedis(command: string): boolean {
  return /redis|valkey/.test(command)
}
