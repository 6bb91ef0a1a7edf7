import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, join } from 'node:path'

import { debianServer } from './debian.ts'
import { nodeFolder } from './node.ts'

type Variables = Readonly<Record<string, string>>

const node = (line: string) => async (): Promise<Variables> => ({
  PATH: [await nodeFolder(line), process.env['PATH']].join(delimiter),
})
const server = (kind: 'redis' | 'valkey', suite: string) => async (): Promise<Variables> => ({
  PENKNIFE_REDIS_BINARY: await debianServer({ kind, suite }),
})

/** What the whole suite runs on: each run changes one thing. */
const RUNS: Readonly<Record<string, () => Variables | Promise<Variables>>> = {
  default: () => ({}),
  'resp-2': () => ({ PENKNIFE_RESP: '2' }),
  'ioredis-5': () => ({ PENKNIFE_DRIVER: 'ioredis5' }),
  'node-redis': () => ({ PENKNIFE_DRIVER: 'node-redis' }),
  'node-redis-5': () => ({ PENKNIFE_DRIVER: 'node-redis5' }),
  'shared-workers': () => ({ PENKNIFE_WORKERS: 'shared' }),
  'valkey-8': server('valkey', 'trixie'),
  'valkey-9': server('valkey', 'sid'),
  'redis-8': server('redis', 'sid'),
  'redis-next': server('redis', 'experimental'),
  'node-20': node('20'),
  'node-22': node('22'),
  'node-24': node('24'),
  'node-26': node('26'),
}

const USAGE = `usage: pnpm test:full [${Object.keys(RUNS).join('] [')}] [-- arguments of vitest]`

async function main(args: readonly string[]): Promise<void> {
  const end = args.includes('--') ? args.indexOf('--') : args.length
  const chosen = end === 0 ? Object.keys(RUNS) : args.slice(0, end)
  const unknown = chosen.find((name) => !(name in RUNS))
  if (unknown !== undefined) throw new Error(`no run is called '${unknown}'\n${USAGE}`)
  const failed: string[] = []
  for (const name of chosen) {
    const env = { ...process.env, ...(await RUNS[name]!()) }
    console.log(`\n== ${name}`)
    const given = args.slice(end + 1)
    const runs = given.length > 0 ? [given] : [[], ['--config', 'vitest.pack.config.ts']]
    const codes: unknown[] = []
    for (const each of runs) {
      const vitest = join('node_modules', 'vitest', 'vitest.mjs')
      const child = spawn('node', [vitest, 'run', ...each], { env, stdio: 'inherit' })
      codes.push((await once(child, 'close'))[0])
    }
    if (codes.some((code) => code !== 0)) failed.push(name)
  }
  console.log(`\n${chosen.length - failed.length} of ${chosen.length} runs passed`)
  if (failed.length > 0) throw new Error(`these runs failed: ${failed.join(', ')}`)
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
