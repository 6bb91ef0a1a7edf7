import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { packAll } from '../../scripts/pack.ts'

/** The kit in projects of its users: packed, installed with npm, run by each test runner as a user runs it. */
const packed = packAll()
const project = join(packed.folder, 'project')
/** The temporary folder of the runs, to find everything that they leave. */
const temporary = mkdtempSync(join(tmpdir(), 'pk-'))
const { devDependencies } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { devDependencies: Record<string, string> }

/** What docs/testing.md shows: the application and its tests. */
const [app = '', tests = ''] = [
  ...readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8').matchAll(/```js\n(.*?)```/gs),
].map(([, code]) => code)

const RUNNERS = {
  'node:test': {
    imports: `import { after as afterAll, afterEach, before as beforeAll, test } from 'node:test'`,
    command: ['--test', 'app.test.mjs'],
  },
  vitest: {
    imports: `import { afterAll, afterEach, beforeAll, test } from 'vitest'`,
    command: ['node_modules/vitest/vitest.mjs', 'run', 'app.test.mjs'],
  },
  jest: {
    imports: `import { afterAll, afterEach, beforeAll, test } from '@jest/globals'`,
    command: ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', 'app.test.mjs'],
  },
} as const

interface Run {
  readonly code: number | null
  readonly output: string
}

function run(runner: keyof typeof RUNNERS, env: Readonly<Record<string, string>> = {}): Run {
  const { imports, command } = RUNNERS[runner]
  // The first line names the file, the second imports from vitest.
  const text = tests.split('\n').slice(2).join('\n')
  writeFileSync(join(project, 'app.test.mjs'), `${imports}\n${text}`)
  const { VITEST: _, NODE_OPTIONS: __, ...inherited } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: project,
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...inherited, TMPDIR: temporary, NODE_ENV: 'test', ...env },
  })
  return { code: status, output: stripVTControlCharacters(stdout + stderr) }
}

beforeAll(() => {
  mkdirSync(project)
  writeFileSync(join(project, 'app.mjs'), app)
  const kit = packed.tarballs.filter(({ name }) => /core|testing/.test(name))
  const dependencies = {
    ...Object.fromEntries(kit.map(({ name, path }) => [name, `file:${path}`])),
    ioredis: devDependencies['ioredis'],
    jest: '^30.0.0',
    vitest: devDependencies['vitest'],
  }
  const jest = { testMatch: ['**/*.test.mjs'], moduleFileExtensions: ['mjs', 'js', 'json'], transform: {} }
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'a-user', private: true, type: 'module', dependencies, jest }),
  )
  const { status, stderr } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: project,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
}, 300_000)

afterAll(() => {
  rmSync(packed.folder, { recursive: true })
  rmSync(temporary, { recursive: true })
})

describe.each(Object.keys(RUNNERS) as (keyof typeof RUNNERS)[])('%s', (runner) => {
  test('runs the tests of an application, ends by itself and leaves no process or file', () => {
    const { code, output } = run(runner)
    expect(code, output).toBe(0)
    expect(output).toMatch(/\b3 passed|pass 3\b/)
    expect(output).not.toMatch(/did not exit|open handle|PenknifeWarning/)
    // A server that was not stopped is ended by its watchdog, with its folder.
    expect(readdirSync(temporary).filter((name) => name.startsWith('penknife-'))).toEqual([])
  }, 150_000)

  test('fails every test when there is no Redis', () => {
    const { code, output } = run(runner, { PENKNIFE_REDIS_BINARY: '/nowhere/redis-server' })
    expect(code).not.toBe(0)
    expect(output).toContain('PENKNIFE_REDIS_BINARY names no server that runs')
    expect(output).not.toMatch(/\b[123] passed|pass [123]\b/)
  }, 150_000)
})
