import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { installProjects, type Projects, type Run, versions } from './projects.ts'

// The kit in projects of its users: packed, installed, run by each test runner as a user runs it.

const docs = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
const snippets = (name: string): readonly string[] =>
  [...docs(name).matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code as string)

/** What docs/testing.md shows: the application and its tests. */
const [app = '', tests = ''] = snippets('testing.md')

const RUNNERS = {
  'node:test': {
    imports: `import { after as afterAll, afterEach, before as beforeAll, test } from 'node:test'`,
    command: ['--test', 'node.test.mjs'],
  },
  vitest: {
    imports: `import { afterAll, afterEach, beforeAll, test } from 'vitest'`,
    command: ['node_modules/vitest/vitest.mjs', 'run', 'vitest.test.mjs'],
  },
  jest: {
    imports: `import { afterAll, afterEach, beforeAll, test } from '@jest/globals'`,
    command: ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', 'jest.test.mjs'],
  },
} as const

type Runner = keyof typeof RUNNERS

const COMMONJS_TEST = `
import { connect, PenknifeError } from '@penknife/core'
import { rateLimit } from '@penknife/express'
import { startTestRedis } from '@penknife/testing'

test('a limiter of one import is the same to another', async () => {
  const redis = await startTestRedis()
  expect((await redis.penknife.health()).status).toBe('ok')
  expect(() => rateLimit(undefined as never)).toThrow(PenknifeError)
  expect(() => connect({} as never)).toThrow(PenknifeError)
  await redis.close()
})
`

let projects: Projects

/** The temporary folder of a runner, to find everything that its runs leave. */
const temporaryOf = (runner: string): string => join(projects.folder, `temporary-${runner.replace(':', '-')}`)

function run(
  project: string,
  runner: string,
  command: readonly string[],
  more: NodeJS.ProcessEnv = {},
): Promise<Run> {
  const { VITEST: _, NODE_OPTIONS: __, ...inherited } = process.env
  return projects.run(project, command, {
    ...inherited,
    TMPDIR: temporaryOf(runner),
    NODE_ENV: 'test',
    ...more,
  })
}

beforeAll(async () => {
  const kit = { '@penknife/core': '*', '@penknife/testing': '*', ...versions('ioredis') }
  projects = await installProjects({
    modules: { ...kit, jest: '^30.0.0', ...versions('vitest') },
    commonjs: {
      ...kit,
      '@penknife/express': '*',
      '@penknife/http': '*',
      ...versions('express', '@types/express', '@types/node'),
      jest: '^30.0.0',
      '@types/jest': '^30.0.0',
      'ts-jest': '^29.4.0',
      // ts-jest knows no newer one.
      typescript: '^5.9.0',
    },
  })
  for (const runner of [...Object.keys(RUNNERS), 'commonjs']) mkdirSync(temporaryOf(runner))
  projects.write('modules', 'app.mjs', app)
  projects.write(
    'modules',
    'jest.config.json',
    JSON.stringify({
      testMatch: ['**/jest.test.mjs'],
      moduleFileExtensions: ['mjs', 'js', 'json'],
      transform: {},
    }),
  )
  for (const { imports, command } of Object.values(RUNNERS)) {
    // The first line names the file, the second imports from vitest.
    projects.write(
      'modules',
      command.at(-1) as string,
      `${imports}\n${tests.split('\n').slice(2).join('\n')}`,
    )
  }
}, 300_000)

afterAll(() => projects?.remove())

describe.concurrent.each(Object.keys(RUNNERS) as Runner[])('%s', (runner) => {
  test('runs the tests of an application, ends by itself and leaves no process or file', async (context) => {
    const { code, output } = await run('modules', runner, RUNNERS[runner].command)
    context.expect(code, output).toBe(0)
    context.expect(output).toMatch(/\b3 passed|pass 3\b/)
    context.expect(output).not.toMatch(/did not exit|open handle|PenknifeWarning/)
    // A server that was not stopped is ended by its watchdog, with its folder.
    context
      .expect(readdirSync(temporaryOf(runner)).filter((name) => name.startsWith('penknife-')))
      .toEqual([])
  }, 150_000)

  test('fails every test when there is no Redis', async (context) => {
    const env = { PENKNIFE_REDIS_BINARY: '/nowhere/redis-server', TMPDIR: projects.folder }
    const { code, output } = await run('modules', runner, RUNNERS[runner].command, env)
    context.expect(code).not.toBe(0)
    context.expect(output).toContain('PENKNIFE_REDIS_BINARY names no server that runs')
    context.expect(output).not.toMatch(/\b[123] passed|pass [123]\b/)
  }, 150_000)
})

test('jest in CommonJS mode runs tests in TypeScript, with the settings that docs/frameworks.md shows', async () => {
  const [config = ''] = snippets('frameworks.md')
  projects.write('commonjs', 'jest.config.cjs', config)
  projects.write('commonjs', 'app.test.ts', COMMONJS_TEST)
  const { code, output } = await run('commonjs', 'commonjs', ['node_modules/jest/bin/jest.js'])
  expect(code, output).toBe(0)
  expect(output).toMatch(/\b1 passed/)
}, 150_000)
