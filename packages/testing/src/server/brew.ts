import { join } from 'node:path'
import { inspect, isNewEnough } from './binary.ts'
import type { ServerBinary } from './binary.ts'
import { isExecutable, onPath, run } from './process.ts'
import type { Machine } from './process.ts'

/** Finds a server of Homebrew outside the PATH, or installs one. Undefined without brew. */
export async function findInBrew(machine: Machine): Promise<ServerBinary | undefined> {
  const [brew] = machine.platform === 'darwin' ? await onPath('brew', machine.env) : []
  if (brew === undefined) return undefined
  const present = (await poured(brew, 'redis', machine)) ?? (await poured(brew, 'valkey', machine))
  if (present !== undefined) return present
  machine.log('no Redis on this machine: brew install redis (it starts no service)')
  // Other software on the machine is not ours to upgrade or to clean up.
  const env = { ...machine.env, HOMEBREW_NO_INSTALL_UPGRADE: '1', HOMEBREW_NO_INSTALL_CLEANUP: '1' }
  await run(brew, ['install', 'redis'], { env, timeoutMs: 900_000 })
  const installed = await poured(brew, 'redis', machine)
  if (installed === undefined) throw new Error('brew install redis left no server that is new enough')
  return installed
}

async function poured(
  brew: string,
  kind: ServerBinary['kind'],
  machine: Machine,
): Promise<ServerBinary | undefined> {
  const prefix = await run(brew, ['--prefix', kind], { env: machine.env }).catch(() => '')
  const command = join(prefix.trim(), 'bin', `${kind}-server`)
  if (prefix === '' || !(await isExecutable(command))) return undefined
  const found = await inspect(command, machine.env).catch(() => undefined)
  return found !== undefined && isNewEnough(found.kind, found.version) ? found : undefined
}
