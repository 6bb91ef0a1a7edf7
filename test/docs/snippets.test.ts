import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { bundlePrograms } from '../../scripts/programs.ts'
import { type PrivateRedis, startRedis } from '../../scripts/redis/server.ts'
import type { Answer } from './snippets-runner.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDER = join(ROOT, 'test/docs/.snippets')

/** Every block of TypeScript in the documentation is a whole program. */
const files = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/README.md`),
]
const snippets = files
  .flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/```ts\n(.*?)```/gs)].map(([, code = ''], at) => ({
      file,
      at: at + 1,
      code,
      name: `${file.replaceAll(/[./]/g, '-')}-${at + 1}`,
    })),
  )
  .map((snippet, db) => ({ ...snippet, db, title: `${snippet.file}, snippet ${snippet.at}` }))

/** Blocks that begin with their file's name, such as `// primes.mjs`: what a thread of a snippet runs. */
const besides = files.flatMap((file) =>
  [...readFileSync(join(ROOT, file), 'utf8').matchAll(/```js\n\/\/ (\w+\.mjs)\n(.*?)```/gs)].map(
    ([, name = '', code = '']) => ({ name, code }),
  ),
)

let redis: PrivateRedis
let runner: ChildProcess
let answered: (answer: Answer) => void = () => {}
let output = ''

beforeAll(async () => {
  redis = await startRedis({ args: ['--databases', String(snippets.length)] })
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER)
  for (const { name, code } of snippets) {
    const onClient = NODE_REDIS ? onNodeRedis(code) : code
    writeFileSync(sourceOf(name), onClient)
  }
  for (const { name, code } of besides) writeFileSync(join(FOLDER, name), code)
  const programs = Object.fromEntries(snippets.map(({ name }) => [name, sourceOf(name)]))
  const path = fileURLToPath(new URL('snippets-runner.ts', import.meta.url))
  await bundlePrograms({ ...programs, runner: path }, FOLDER)
  runner = fork(bundleOf('runner'), {
    env: { ...process.env, SNIPPET_REDIS_PORT: String(redis.port) },
    silent: true,
  })
  runner.on('message', (answer: Answer) => answered(answer))
  runner.on('exit', (status) => answered({ error: `the process ended with ${status}` }))
  for (const stream of [runner.stdout, runner.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
})

function sourceOf(name: string): string {
  return join(FOLDER, `${name}.ts`)
}

function bundleOf(name: string): string {
  return join(FOLDER, `${name}.mjs`)
}

const NODE_REDIS = process.env['PENKNIFE_DRIVER'] === 'node-redis'

/** The snippet for node-redis, as the README describes it. */
function onNodeRedis(code: string): string {
  return code
    .replace("import { Redis } from 'ioredis'", "import { createClient } from 'redis'")
    .replace('new Redis()', "createClient({ url: process.env['REDIS_URL'] ?? '' })")
}

afterAll(async () => {
  runner.kill('SIGKILL')
  rmSync(FOLDER, { recursive: true, force: true })
  await redis.stop()
})

function isServer(code: string): boolean {
  return /\.listen\(\d|\bport: \d/.test(code)
}

test('the documentation has snippets', () => expect(snippets.length).toBeGreaterThan(4))

test('every snippet passes the type check', () => {
  const compilerOptions = {
    composite: false,
    declaration: false,
    declarationMap: false,
    // What did not change since the last run is not checked again: most of the time goes to the sources of the packages.
    incremental: true,
    tsBuildInfoFile: join(ROOT, 'node_modules/.cache/penknife/snippets.tsbuildinfo'),
  }
  const config = {
    extends: '../../../tsconfig.tools.json',
    compilerOptions,
    include: ['*.ts'],
    references: [],
  }
  writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(config))
  try {
    // One thread checks less in all than several do.
    const args = ['-p', FOLDER, '--singleThreaded']
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), args, { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    expect.fail((error as { stdout: string }).stdout)
  }
}, 60_000)

test.each(snippets)('$title runs', async ({ name, db, code }) => {
  output = ''
  const { error, port } = await new Promise<Answer>((resolve) => {
    answered = resolve
    runner.send({ path: bundleOf(name), db, isServer: isServer(code) })
  })
  expect(error, output).toBeUndefined()
  if (port === undefined) return
  const response = await fetch(`http://127.0.0.1:${port}/`)
  // Some take no GET, or none without a header.
  expect([200, 400, 404]).toContain(response.status)
})
