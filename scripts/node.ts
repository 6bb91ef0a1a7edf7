import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The folder with the `node` program of the newest release of this line, fetched from the npm registry into the user's cache folder. */
export async function nodeFolder(line: string): Promise<string> {
  const { stdout } = await run('npm', ['view', `node-linux-${process.arch}@${line}`, 'version', '--json'])
  const versions = [JSON.parse(stdout)].flat() as string[]
  const version = versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
  const place = join(homedir(), '.cache', 'penknife', 'node', `v${version}`)
  if (await stat(place).catch(() => undefined)) return join(place, 'bin')
  const work = await mkdtemp(join(tmpdir(), 'penknife-node-'))
  try {
    const packed = await run('npm', ['pack', '--silent', `node-linux-${process.arch}@${version}`], {
      cwd: work,
    })
    await run('tar', ['-xzf', packed.stdout.trim()], { cwd: work })
    await mkdir(join(place, '..'), { recursive: true })
    await run('cp', ['-a', join(work, 'package'), `${place}.new`])
    await rename(`${place}.new`, place)
    return join(place, 'bin')
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
