import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { privateApt, unpack } from '../packages/testing/src/server/apt.ts'
import { cacheFolder } from '../packages/testing/src/server/cache.ts'
import { isExecutable, type Machine, onPath } from '../packages/testing/src/server/process.ts'

/** The paths of the programs. */
export interface Prometheus {
  readonly prometheus: string
  readonly promtool: string
}

/**
 * Finds Prometheus: on the PATH, in the cache folder, or by unpacking the package of Debian or Ubuntu into that folder. Nothing is installed and no
 * service is started.
 */
export async function findPrometheus(): Promise<Prometheus> {
  const machine: Machine = {
    env: process.env,
    platform: process.platform,
    log: (line) => console.log(line),
  }
  const [named] = await onPath('prometheus', machine.env)
  if (named) return programsIn(dirname(named))
  const place = join(dirname(cacheFolder(machine)), 'prometheus')
  const cached = programsIn(join(place, 'usr', 'bin'))
  if (await isExecutable(cached.promtool)) return cached
  if ((await onPath('apt-get', machine.env)).length === 0) {
    throw new Error('there is no Prometheus on the PATH, and no apt-get to get it with: install it')
  }
  await mkdir(dirname(place), { recursive: true })
  const work = await mkdtemp(`${place}-unpacking-`)
  try {
    const apt = await privateApt(machine, work)
    machine.log('no Prometheus on this machine: unpacking it into the cache folder (nothing is installed)')
    await apt('apt-get', ['update', '-q'])
    const root = await unpack(apt, ['prometheus'], work, machine)
    // Another process may have been faster.
    await rename(root, place).catch(async (error: unknown) => {
      if (!(await isExecutable(cached.promtool))) throw error
    })
    return cached
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

function programsIn(folder: string): Prometheus {
  return { prometheus: join(folder, 'prometheus'), promtool: join(folder, 'promtool') }
}
