import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { packAll } from '../../scripts/pack.ts'

/**
 * The packages as a user gets them: packed, installed into an empty project with npm, used without any of this
 * repository's settings.
 */
const packed = packAll()
const project = join(packed.folder, 'project')
const versions = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  devDependencies: Record<string, string>
}

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
  '@penknife/testing': ['useTestRedis', 'startTestRedis', 'drained', 'delivered'],
} as const

/** Every subpath that the packages export, as a user names it. */
const exported = packed.tarballs.flatMap(({ name }) => {
  const { exports } = JSON.parse(
    readFileSync(new URL(`../../packages/${name.split('/')[1]}/package.json`, import.meta.url), 'utf8'),
  ) as { exports: Record<string, unknown> }
  return Object.keys(exports)
    .filter((path) => path !== './package.json')
    .map((path) => name + path.slice(1))
})

function write(file: string, text: string): void {
  writeFileSync(join(project, file), text)
}

function run(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8', stdio: 'pipe' })
}

beforeAll(() => {
  mkdirSync(project)
  const needed = [
    'ioredis',
    'express',
    'koa',
    'fastify',
    'hono',
    'ws',
    'typescript',
    '@types/express',
    '@types/koa',
    '@types/node',
  ]
  const dependencies = Object.fromEntries([
    ...packed.tarballs.map(({ name, path }) => [name, `file:${path}`]),
    ...needed.map((name) => [name, versions.devDependencies[name]]),
  ])
  write('package.json', JSON.stringify({ name: 'a-user', private: true, dependencies }))
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: project,
    stdio: 'pipe',
  })
}, 300_000)

afterAll(() => rmSync(packed.folder, { recursive: true }))

test.each(exported)('import and require of %s give the same names', (name) => {
  write('names.mjs', `console.log(JSON.stringify(Object.keys(await import('${name}'))))`)
  write(
    'names.cjs',
    `console.log(JSON.stringify(Object.keys(require('${name}')).filter((n) => n !== '__esModule')))`,
  )
  const imported = JSON.parse(run('names.mjs')) as string[]
  const required = JSON.parse(run('--no-warnings', 'names.cjs')) as string[]
  expect(imported).not.toEqual([])
  expect(required.toSorted()).toEqual(imported.toSorted())
  expect(imported).toEqual(expect.arrayContaining([...(USES[name as keyof typeof USES] ?? [])]))
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
  test.each([
    ['nodenext', 'nodenext', 'app.mts'],
    ['nodenext', 'nodenext', 'app.cts'],
    ['bundler', 'esnext', 'app.ts'],
    ['bundler', 'esnext', 'app.mts'],
  ])('under %s (%s), from %s', (moduleResolution, module, file) => {
    write(file, `${uses}\n${app}`)
    const options = {
      moduleResolution,
      module,
      target: 'es2023',
      strict: true,
      noEmit: true,
      esModuleInterop: true,
    }
    write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: { ...options, skipLibCheck: false, types: ['node'] },
        files: [file],
      }),
    )
    try {
      run('node_modules/typescript/bin/tsc', '-p', '.')
    } catch (error) {
      expect.fail((error as { stdout: string }).stdout)
    }
  })
})

const IOREDIS = ["import { Redis } from 'ioredis'", 'new Redis({ lazyConnect: true })'] as const
const NODE_REDIS = ["import { createClient } from 'redis'", 'createClient()'] as const
/** The version that is tested under another name of its package. */
const aliased = (name: string): string | undefined => versions.devDependencies[name]?.split('@')[1]

describe.each([
  ['only ioredis 6', { ioredis: versions.devDependencies['ioredis'] }, [IOREDIS]],
  ['only ioredis 5', { ioredis: aliased('ioredis5') }, [IOREDIS]],
  ['only node-redis 6', { redis: versions.devDependencies['redis'] }, [NODE_REDIS]],
  ['only node-redis 5', { redis: aliased('redis5') }, [NODE_REDIS]],
  [
    'ioredis 6 and node-redis 6',
    { ioredis: versions.devDependencies['ioredis'], redis: versions.devDependencies['redis'] },
    [IOREDIS, NODE_REDIS],
  ],
] as const)('in a project that has %s', (name, clients, uses) => {
  const folder = join(packed.folder, name.replaceAll(' ', '-'))
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

  beforeAll(() => {
    mkdirSync(folder)
    const own = ['typescript', '@types/node'].map((each) => [each, versions.devDependencies[each]])
    const ours = packed.tarballs
      .filter((each) => /core|testing/.test(each.name))
      .map((each) => [each.name, `file:${each.path}`])
    const dependencies = { ...clients, ...Object.fromEntries([...ours, ...own]) }
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'a-user', private: true, dependencies }),
    )
    writeFileSync(join(folder, 'app.mjs'), program)
    writeFileSync(join(folder, 'app.mts'), program)
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], {
      cwd: folder,
      stdio: 'pipe',
    })
  }, 300_000)

  // Type checking may take a while on a machine that does other things, too.
  test(
    'core and testing install without complaints, and their types check without skipLibCheck',
    { timeout: 120_000 },
    () => {
      execFileSync('npm', ['ls'], { cwd: folder, stdio: 'pipe' })
      const flags = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext', '--types', 'node']
      try {
        execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', ...flags, 'app.mts'], {
          cwd: folder,
          stdio: 'pipe',
        })
      } catch (error) {
        expect.fail(String((error as { stdout: Buffer }).stdout))
      }
    },
  )

  test('they run', () => {
    const output = execFileSync(process.execPath, ['app.mjs'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
    })
    expect(output.trim()).toBe('ok')
  })
})

test('a bundle made with esbuild runs', async () => {
  write(
    'entry.mjs',
    "import { connect, PenknifeError } from '@penknife/core'\ntry { connect({}) } catch (e) { console.log(e instanceof PenknifeError, e.code) }",
  )
  await build({
    entryPoints: [join(project, 'entry.mjs')],
    outfile: join(project, 'bundle.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  })
  expect(run('bundle.cjs').trim()).toBe('true PENKNIFE_INVALID')
})

test('the packages contain no tests and name their licence', () => {
  const require = createRequire(join(project, 'x.cjs'))
  for (const { name, path } of packed.tarballs) {
    const files = execFileSync('tar', ['-tzf', path], { encoding: 'utf8' }).split('\n')
    expect(files.filter((file) => /\.test\.|tsbuildinfo/.test(file))).toEqual([])
    expect(files).toContain('package/LICENSE')
    expect((require(`${name}/package.json`) as { license: string }).license).toBe('MIT')
  }
})
