import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { inspect, isNewEnough } from './binary.ts'
import type { ServerBinary } from './binary.ts'
import type { Machine } from './process.ts'

const unfinished = '.unpacking-'
const abandonedAfterMs = 3_600_000

export function cacheFolder(machine: Machine): string {
  const { env, platform } = machine
  const home = env['HOME'] || homedir()
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'penknife', 'servers')
  const xdg = env['XDG_CACHE_HOME'] ?? ''
  return join(isAbsolute(xdg) ? xdg : join(home, '.cache'), 'penknife', 'servers')
}

/** The newest usable server that an earlier search unpacked. */
export async function cachedServer(machine: Machine): Promise<ServerBinary | undefined> {
  const folder = cacheFolder(machine)
  const names = await readdir(folder).catch(() => [])
  names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  for (const name of names.filter((each) => !each.startsWith('.'))) {
    const found = await unpackedServer(join(folder, name), machine).catch(() => undefined)
    if (found !== undefined && isNewEnough(found.kind, found.version)) return found
  }
  return undefined
}

/**
 * Fills a new folder in the cache. The work is done in a folder beside it and renamed at the end, so a
 * folder that has its final name is complete; of two processes doing this at once the second finds
 * the first one's folder in place and uses that.
 */
export async function addToCache(
  machine: Machine,
  fill: (work: string) => Promise<{ readonly name: string; readonly root: string }>,
): Promise<ServerBinary> {
  const folder = cacheFolder(machine)
  await mkdir(folder, { recursive: true })
  await removeAbandoned(folder)
  const work = await mkdtemp(join(folder, unfinished))
  try {
    const { name, root } = await fill(work)
    await unpackedServer(root, machine)
    const place = join(folder, name)
    await rename(root, place).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
      if (await unpackedServer(place, machine).catch(() => undefined)) return
      await rename(place, join(work, 'broken'))
      await rename(root, place)
    })
    return await unpackedServer(place, machine)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function unpackedServer(root: string, machine: Machine): Promise<ServerBinary> {
  const programs = await readdir(join(root, 'usr', 'bin'))
  const program = programs.find((name) => name === 'redis-server' || name === 'valkey-server')
  if (program === undefined) throw new Error('the package holds no server')
  const libraries = [...(await libraryFolders(root)), machine.env['LD_LIBRARY_PATH'] ?? ''].filter(Boolean)
  const extra = { LD_LIBRARY_PATH: libraries.join(':') }
  return inspect(join(root, 'usr', 'bin', program), machine.env, extra)
}

async function libraryFolders(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const holding = entries.filter((entry) => /\.so(\.|$)/.test(entry.name)).map((entry) => entry.parentPath)
  return [...new Set(holding)].toSorted()
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(unfinished)) continue
    const made = await stat(join(folder, name)).catch(() => undefined)
    if (made === undefined || Date.now() - made.mtimeMs < abandonedAfterMs) continue
    await rm(join(folder, name), { recursive: true, force: true })
  }
}
