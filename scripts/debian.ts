import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A server of a Debian release, to test on beside the one that the machine has. */
export interface DebianServer {
  readonly kind: 'redis' | 'valkey'
  readonly suite: string
}

/** What the servers are linked with. The C library is the suite's own: it is newer than an older machine's. */
const LIBRARIES = [
  'libatomic1',
  'libc6',
  'libcap2',
  'libgcc-s1',
  'libjemalloc2',
  'liblua5.1-0',
  'liblzf1',
  'libssl3t64',
  'libstdc++6',
  'libsystemd0',
  'libzstd1',
  'zlib1g',
]

/**
 * The path of a program that runs this server: unpacked from Debian's packages into the user's cache folder, without root and without
 * an installation. Only for x86-64 Linux with apt.
 */
export async function debianServer({ kind, suite }: DebianServer): Promise<string> {
  const place = join(homedir(), '.cache', 'penknife', 'debian', `${suite}-${kind}`)
  const program = join(place, `${kind}-server`)
  if (await stat(program).catch(() => undefined)) return program
  const work = await mkdtemp(join(tmpdir(), 'penknife-debian-'))
  try {
    const apt = await aptOf(suite, work)
    await apt('update', '-q')
    const root = join(work, 'root')
    await mkdir(root)
    await apt('download', '-q', `${kind}-tools/${suite}`, ...LIBRARIES)
    for (const file of await readdir(work)) {
      if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(work, file), root])
    }
    await symlink(`${kind}-check-rdb`, join(root, 'usr', 'bin', `${kind}-server`))
    await mkdir(join(place, '..'), { recursive: true })
    await rm(place, { recursive: true, force: true })
    await run('cp', ['-a', root, `${place}.new`])
    await writeFile(join(`${place}.new`, `${kind}-server`), started(place, kind))
    await chmod(join(`${place}.new`, `${kind}-server`), 0o755)
    await rename(`${place}.new`, place)
    return program
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** A program that is started through the loader of its own C library. */
function started(place: string, kind: string): string {
  return [
    '#!/bin/sh',
    `exec '${place}/usr/lib64/ld-linux-x86-64.so.2' --library-path '${place}/usr/lib/x86_64-linux-gnu' \\`,
    `  '${place}/usr/bin/${kind}-server' "$@"`,
    '',
  ].join('\n')
}

/** apt-get with package lists of its own, from the archive that this machine already uses. */
async function aptOf(suite: string, work: string): Promise<(...args: string[]) => Promise<unknown>> {
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(SITE)'])
  const site = stdout.split('\n').find((each) => each.trim() !== '')
  if (site === undefined)
    throw new Error('apt names no archive on this machine: servers of Debian cannot be fetched')
  for (const folder of ['lists/partial', 'cache/archives/partial'])
    await mkdir(join(work, folder), { recursive: true })
  // What is in experimental is built for sid.
  const suites = suite === 'experimental' ? ['sid', suite] : [suite]
  await writeFile(join(work, 'sources.list'), suites.map((each) => `deb ${site} ${each} main\n`).join(''))
  await writeFile(join(work, 'status'), '')
  const settings = [
    `Dir::Etc::sourcelist=${work}/sources.list`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::Lists=${work}/lists`,
    `Dir::State::status=${work}/status`,
    `Dir::Cache=${work}/cache`,
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
  ].flatMap((setting) => ['-o', setting])
  return (...args) => run('apt-get', [...settings, ...args], { cwd: work, maxBuffer: 1 << 24 })
}
