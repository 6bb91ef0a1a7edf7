import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { PACKAGES } from '../../scripts/pack.ts'
import { aliased, type Dependencies, installProjects, type Projects, runIn, versions } from './projects.ts'

const USES = {
  '@penknife/core': ['connect', 'createRateLimiter', 'createStream', 'createLeaderboard', 'createNotifier'],
  '@penknife/http': ['rateLimit', 'requestLog', 'idempotent', 'notifications', 'definePlugin', 'adapt'],
  '@penknife/express': ['rateLimit', 'requestLog', 'idempotent', 'notifications', 'definePlugin', 'adapt'],
  '@penknife/koa': ['rateLimit', 'requestLog', 'idempotent', 'notifications', 'definePlugin', 'adapt'],
  '@penknife/fastify': ['rateLimit', 'requestLog', 'notifications', 'definePlugin', 'adapt', 'mount'],
  '@penknife/fetch': ['rateLimit', 'requestLog', 'notifications', 'definePlugin', 'adapt', 'forwardedFor'],
  '@penknife/fetch/hono': [
    'rateLimit',
    'requestLog',
    'notifications',
    'definePlugin',
    'adapt',
    'clientAddress',
  ],
  '@penknife/http/websocket': ['notificationSockets'],
  '@penknife/client': ['connect'],
  '@penknife/dashboard': ['dashboardPlugin'],
  '@penknife/dashboard/express': ['dashboard'],
  '@penknife/dashboard/fastify': ['dashboard'],
  '@penknife/dashboard/fetch': ['dashboard'],
  '@penknife/dashboard/koa': ['dashboard'],
  '@penknife/dashboard/node': ['dashboard'],
  '@penknife/cli': ['runCli'],
  '@penknife/testing': ['useTestRedis', 'startTestRedis', 'drained', 'delivered'],
} as const

/** Every subpath that the packages export, as a user names it. */
const exported = PACKAGES.flatMap((name) => {
  const { exports } = JSON.parse(
    readFileSync(new URL(`../../packages/${name}/package.json`, import.meta.url), 'utf8'),
  ) as { exports: Record<string, unknown> }
  return Object.keys(exports)
    .filter((path) => path !== './package.json')
    .map((path) => `@penknife/${name}${path.slice(1)}`)
})

const TSC = ['node_modules/typescript/bin/tsc', '--singleThreaded']

const KIT = { '@penknife/core': '*', '@penknife/testing': '*', ...versions('typescript', '@types/node') }
const IOREDIS = ["import { Redis } from 'ioredis'", 'new Redis({ lazyConnect: true })'] as const
const NODE_REDIS = ["import { createClient } from 'redis'", 'createClient()'] as const
const CLIENTS = [
  ['only ioredis 6', versions('ioredis'), [IOREDIS]],
  ['only ioredis 5', { ioredis: aliased('ioredis5') }, [IOREDIS]],
  ['only node-redis 6', versions('redis'), [NODE_REDIS]],
  ['only node-redis 5', { redis: aliased('redis5') }, [NODE_REDIS]],
  ['ioredis 6 and node-redis 6', versions('ioredis', 'redis'), [IOREDIS, NODE_REDIS]],
] as const

const folderOf = (clients: string): string => clients.replaceAll(' ', '-')

const EVERYTHING: Dependencies = {
  ...Object.fromEntries(PACKAGES.map((name) => [`@penknife/${name}`, '*'])),
  ...versions('ioredis', 'express', 'koa', 'fastify', 'hono', 'ws', 'prom-client', '@opentelemetry/api'),
  ...versions('typescript', '@types/express', '@types/koa', '@types/node'),
}

let projects: Projects
/** What npm says to a project with one client; it installs while the other tests run. */
let npm: Promise<string>

beforeAll(async () => {
  projects = await installProjects({
    everything: EVERYTHING,
    ...Object.fromEntries(CLIENTS.map(([name, clients]) => [folderOf(name), { ...KIT, ...clients }])),
  })
  npm = installWithNpm()
}, 300_000)

afterAll(async () => {
  await npm?.catch(() => {})
  projects?.remove()
})

async function installWithNpm(): Promise<string> {
  const folder = join(projects.folder, 'with-npm')
  mkdirSync(folder)
  const ours = projects.tarballs.filter(({ name }) => /core|testing|http/.test(name))
  const dependencies = {
    ...Object.fromEntries(ours.map(({ name, path }) => [name, `file:${path}`])),
    ...versions('ioredis'),
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'a-user', private: true, dependencies }))
  const installed = await runIn(folder, 'npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'])
  return `${installed.output} ${(await runIn(folder, 'npm', ['ls'])).output}`
}

describe('import and require give the same names', () => {
  type Names = Readonly<Record<string, readonly string[]>>
  let imported: Names
  let required: Names

  beforeAll(async () => {
    const names = JSON.stringify(exported)
    const print = `console.log(JSON.stringify(Object.fromEntries(all.map(([name, of]) => [name, Object.keys(of).filter((each) => each !== '__esModule').toSorted()]))))`
    const files = {
      'names.mjs': `const all = await Promise.all(${names}.map(async (name) => [name, await import(name)]))\n${print}`,
      'names.cjs': `const all = ${names}.map((name) => [name, require(name)])\n${print}`,
    }
    for (const [file, text] of Object.entries(files)) projects.write('everything', file, text)
    const printed = await Promise.all(
      Object.keys(files).map((file) => projects.run('everything', ['--no-warnings', file])),
    )
    ;[imported, required] = printed.map(({ output }) => JSON.parse(output) as Names) as [Names, Names]
  })

  test.each(exported)('%s', (name) => {
    expect(imported[name]).not.toEqual([])
    expect(required[name]).toEqual(imported[name])
    expect(imported[name]).toEqual(expect.arrayContaining([...(USES[name as keyof typeof USES] ?? [])]))
  })
})

describe('the types check without skipLibCheck', () => {
  const uses = Object.keys(USES)
    .map((name, at) => `import * as p${at} from '${name}'\np${at} satisfies object`)
    .join('\n')
  const app = `
import { Redis } from 'ioredis'
import { connect, createRateLimiter, type LimiterDecision } from '@penknife/core'
import { rateLimit } from '@penknife/express'
import express from 'express'
const limiter = createRateLimiter(connect(new Redis()).space('a'), 'b', { rules: [{ name: 'c', limit: 1, window: '1s' }] })
express().use(rateLimit(limiter, { cost: 1 }))
export const decision: Promise<LimiterDecision> = limiter.take('subject')
`

  async function check(module: string, resolution: string, files: readonly string[]): Promise<string> {
    const compilerOptions = {
      moduleResolution: resolution,
      module,
      target: 'es2023',
      strict: true,
      noEmit: true,
      esModuleInterop: true,
      skipLibCheck: false,
      types: ['node'],
      // The types of browsers take half of the time; projects for bundlers have them.
      ...(resolution === 'bundler' ? {} : { lib: ['es2023'] }),
    }
    const name = `${module}-${resolution}`
    const own = files.map((file) => `${name}-${file}`)
    for (const file of own) projects.write('everything', file, `${uses}\n${app}`)
    projects.write('everything', `${name}.json`, JSON.stringify({ compilerOptions, files: own }))
    const { output } = await projects.run('everything', [...TSC, '-p', `${name}.json`])
    return output
  }

  test.concurrent.for([
    ['nodenext', 'nodenext', ['app.mts', 'app.cts']],
    ['node20', 'nodenext', ['app.cts']],
    ['esnext', 'bundler', ['app.ts', 'app.mts']],
    ['commonjs', 'bundler', ['app.ts']],
  ] as const)('with module %s and resolution %s, from %j', async ([module, resolution, files], context) => {
    context.expect(await check(module, resolution, files)).toBe('')
  })

  test.concurrent('with node16 only from ES modules, as docs/decisions/commonjs.md says', async (context) => {
    const output = await check('node16', 'node16', ['app.mts', 'app.cts'])
    context.expect(output).toContain('error TS1479')
    const errors = output.split('\n').filter((line) => line.includes('error TS'))
    context.expect(errors.filter((line) => !/app\.cts.*TS1479/.test(line))).toEqual([])
  })
})

describe.concurrent.each(CLIENTS)('in a project that has %s', (name, _clients, uses) => {
  const project = folderOf(name)
  const program = `import { connect } from '@penknife/core'
import { startTestRedis } from '@penknife/testing'
${uses.map(([line]) => line).join('\n')}
for (const client of [${uses.map(([, made]) => made).join(', ')}]) {
  const penknife = connect(client)
  penknife.on(() => {})
  await penknife.close()
}
const redis = await startTestRedis()
console.log((await redis.penknife.health()).status)
await redis.close()
`

  test('the types of core and testing check without skipLibCheck', async (context) => {
    projects.write(project, 'app.mts', program)
    const flags = '--noEmit --strict --target es2023 --lib es2023 --module nodenext --types node'
    const checked = await projects.run(project, [...TSC, ...flags.split(' '), 'app.mts'])
    context.expect(checked).toEqual({ code: 0, output: '' })
  })

  test('they run', async (context) => {
    projects.write(project, 'app.mjs', program)
    context.expect(await projects.run(project, ['app.mjs'])).toEqual({ code: 0, output: 'ok\n' })
  })
})

test('the command line is a program of the project that installs it', async () => {
  const bin = await projects.run('everything', ['node_modules/@penknife/cli/dist/bin.js', '--help'])
  expect(bin.code).toBe(0)
  expect(bin.output).toContain('Usage: penknife')
})

test('npm installs them without complaints', async () => {
  const said = await npm
  expect(said).toContain('@penknife/http@')
  expect(said).not.toMatch(/npm error|UNMET|invalid|missing/i)
})

test('a bundle made with esbuild runs', async () => {
  projects.write(
    'everything',
    'entry.mjs',
    "import { connect, PenknifeError } from '@penknife/core'\ntry { connect({}) } catch (e) { console.log(e instanceof PenknifeError, e.code) }",
  )
  await build({
    entryPoints: [join(projects.folder, 'everything', 'entry.mjs')],
    outfile: join(projects.folder, 'everything', 'bundle.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  })
  expect((await projects.run('everything', ['bundle.cjs'])).output).toBe('true PENKNIFE_INVALID\n')
})

test('the packages contain no tests and name their licence', () => {
  const require = createRequire(join(projects.folder, 'everything', 'x.cjs'))
  for (const { name, path } of projects.tarballs) {
    const files = execFileSync('tar', ['-tzf', path], { encoding: 'utf8' }).split('\n')
    expect(files.filter((file) => /\.test\.|tsbuildinfo/.test(file))).toEqual([])
    expect(files).toContain('package/LICENSE')
    expect((require(`${name}/package.json`) as { license: string }).license).toBe('MIT')
  }
})
