import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isNewEnough } from './binary.ts'
import type { ServerBinary } from './binary.ts'
import { addToCache } from './cache.ts'
import { onPath, run } from './process.ts'
import type { Machine } from './process.ts'

type Apt = (program: 'apt-get' | 'apt-cache', args: readonly string[], cwd?: string) => Promise<string>

/**
 * Downloads the package with the server in it and the libraries it needs, and unpacks them into the cache:
 * no root, no installation, no service. Undefined where there is no apt.
 */
export async function unpackFromApt(machine: Machine): Promise<ServerBinary | undefined> {
  const tools = await Promise.all(
    ['apt-get', 'apt-cache', 'dpkg-deb'].map((name) => onPath(name, machine.env)),
  )
  if (machine.platform !== 'linux' || tools.some((found) => found.length === 0)) return undefined
  return addToCache(machine, async (work) => {
    const apt = await privateApt(machine, work)
    machine.log('no Redis on this machine: reading the package lists of its distribution')
    const complaint = await apt('apt-get', ['update', '-q']).then(() => '', String)
    const { kind, version } = await choose(apt, complaint)
    const packages = [`${kind}-tools`, ...(await libraries(apt, `${kind}-tools`))]
    machine.log(
      `unpacking ${kind} ${version} into the cache folder (nothing is installed): ${packages.join(' ')}`,
    )
    const root = await unpack(apt, packages, work, machine)
    // One program with several names: called as a server, it is the server.
    await symlink(`${kind}-check-rdb`, join(root, 'usr', 'bin', `${kind}-server`))
    return { name: `${kind}-${version}-${process.arch}`, root }
  })
}

/** apt with lists, state and cache of its own, so that the system's stay as they are and no root is needed. */
export async function privateApt(machine: Machine, work: string): Promise<Apt> {
  const home = join(work, 'apt')
  for (const folder of ['lists/partial', 'state', 'cache/archives/partial']) {
    await mkdir(join(home, folder), { recursive: true })
  }
  await writeFile(join(home, 'status'), '')
  const settings = join(home, 'apt.conf')
  await writeFile(
    settings,
    [
      `Dir::State "${home}/state";`,
      `Dir::State::Lists "${home}/lists";`,
      `Dir::State::status "${home}/status";`,
      `Dir::Cache "${home}/cache";`,
      'APT::Sandbox::User "root";',
      'Acquire::Languages "none";',
      'Acquire::Retries "3";',
      // Images for Docker turn this file off, and then each call of apt reads all lists again.
      'Dir::Cache::pkgcache "pkgcache.bin";',
      // Hooks of the machine work on the system's own lists and archives.
      ...['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success'].map(
        (hook) => `#clear ${hook};`,
      ),
      '',
    ].join('\n'),
  )
  const env = { ...machine.env, LC_ALL: 'C' }
  return (program, args, cwd) => run(program, ['-c', settings, ...args], { env, ...(cwd ? { cwd } : {}) })
}

async function choose(apt: Apt, complaint: string): Promise<Pick<ServerBinary, 'kind' | 'version'>> {
  const refused: string[] = []
  for (const kind of ['redis', 'valkey'] as const) {
    const policy = await apt('apt-cache', ['policy', `${kind}-tools`])
    // A Debian version reads epoch:upstream-revision.
    const version = /Candidate: (?:\d+:)?(\d+(?:\.\d+)*)/.exec(policy)?.[1]
    if (version !== undefined && isNewEnough(kind, version)) return { kind, version }
    refused.push(`${kind}-tools ${version === undefined ? 'not offered' : `only in version ${version}`}`)
  }
  throw new Error(
    `the packages of this distribution have no server new enough: ${refused.join(', ')}. ${complaint}`,
  )
}

/** The libraries that a package names itself; libc6 must be the system's own. */
async function libraries(apt: Apt, name: string): Promise<string[]> {
  const listing = await apt('apt-cache', ['depends', '--important', name])
  const found: string[] = []
  let alternative = false
  for (const line of listing.split('\n')) {
    const match = /^\s*(\|?)(?:Pre)?Depends: (\S+)/.exec(line)
    if (match === null) continue
    const library = match[2] ?? ''
    if (!alternative && library.startsWith('lib') && library !== 'libc6') found.push(library)
    alternative = match[1] === '|'
  }
  return found
}

export async function unpack(
  apt: Apt,
  packages: readonly string[],
  work: string,
  machine: Machine,
): Promise<string> {
  const downloads = join(work, 'downloads')
  const root = join(work, 'root')
  await Promise.all([mkdir(downloads), mkdir(root)])
  await apt('apt-get', ['download', '-q', ...packages], downloads)
  for (const file of await readdir(downloads)) {
    await run('dpkg-deb', ['-x', join(downloads, file), root], { env: machine.env })
  }
  return root
}
