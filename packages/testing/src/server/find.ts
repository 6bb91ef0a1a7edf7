import { unpackFromApt } from './apt.ts'
import { inspect, isNewEnough, oldestSupported, tooOld } from './binary.ts'
import type { ServerBinary } from './binary.ts'
import { findInBrew } from './brew.ts'
import { cachedServer } from './cache.ts'
import { onPath } from './process.ts'
import type { Machine } from './process.ts'

export type { ServerBinary } from './binary.ts'

/**
 * Finds a Redis or Valkey server to test on, without root and without touching a system service: the one
 * PENKNIFE_REDIS_BINARY names, one on the PATH, one in penknife's cache, or one from the platform's packages.
 * A process searches once for each such environment.
 */
export function findServer(log: (line: string) => void = toStderr): Promise<ServerBinary> {
  const { env, platform } = process
  const place = JSON.stringify(DECIDING.map((name) => env[name]))
  if (lastSearch?.place === place) return lastSearch.server
  // Servers that start at the same time share the search: one download is enough.
  const search = { place, server: findServerOn({ env, platform, log }) }
  lastSearch = search
  search.server.catch(() => {
    if (lastSearch === search) lastSearch = undefined
  })
  return search.server
}

/** The variables that decide which server is found. */
const DECIDING = ['PENKNIFE_REDIS_BINARY', 'PATH', 'HOME', 'XDG_CACHE_HOME', 'LD_LIBRARY_PATH']

let lastSearch: { readonly place: string; readonly server: Promise<ServerBinary> } | undefined

export async function findServerOn(machine: Machine): Promise<ServerBinary> {
  const named = machine.env['PENKNIFE_REDIS_BINARY']
  if (named) return inspectNamed(named, machine)
  const refused: string[] = []
  const present = (await serverOnPath(machine, refused)) ?? (await cachedServer(machine))
  if (present !== undefined) return present
  for (const fetch of [unpackFromApt, findInBrew]) {
    try {
      const fetched = await fetch(machine)
      if (fetched !== undefined) return fetched
    } catch (error) {
      refused.push((error as Error).message)
    }
  }
  throw new Error(notFound(refused))
}

async function inspectNamed(command: string, machine: Machine): Promise<ServerBinary> {
  const found = await inspect(command, machine.env).catch((error: Error) => {
    throw new Error(`PENKNIFE_REDIS_BINARY names no server that runs: ${error.message}`, { cause: error })
  })
  if (!isNewEnough(found.kind, found.version)) throw new Error(`PENKNIFE_REDIS_BINARY: ${tooOld(found)}`)
  return found
}

async function serverOnPath(machine: Machine, refused: string[]): Promise<ServerBinary | undefined> {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const command of await onPath(name, machine.env)) {
      const found = await inspect(command, machine.env).catch((error: Error) => error)
      if (found instanceof Error) refused.push(found.message)
      else if (isNewEnough(found.kind, found.version)) return found
      else refused.push(tooOld(found))
    }
  }
  return undefined
}

function notFound(refused: readonly string[]): string {
  return [
    `No Redis ${oldestSupported.redis} or Valkey ${oldestSupported.valkey} (or newer) was found. Install one:`,
    '  Debian, Ubuntu   sudo apt-get install redis-server',
    '  Fedora           sudo dnf install valkey',
    '  Alpine           sudo apk add redis',
    '  Arch             sudo pacman -S valkey',
    '  macOS            brew install redis',
    'or name one that is already there: PENKNIFE_REDIS_BINARY=/path/to/redis-server',
    ...(refused.length === 0 ? [] : ['What was tried:', ...refused.map((reason) => `  - ${reason}`)]),
  ].join('\n')
}

function toStderr(line: string): void {
  process.stderr.write(`penknife: ${line}\n`)
}
