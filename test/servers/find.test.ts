import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findServerOn } from '../../packages/testing/src/server/find.ts'
import { fakeProgram } from './helpers.ts'
import { machine, versionLine } from './machine.ts'

test('a server on the PATH is used, after those that are too old', async () => {
  const pretended = await machine('linux')
  const { home } = pretended
  const env = {
    ...pretended.env,
    PATH: ['first', 'second', 'third'].map((name) => join(home, name)).join(':'),
  }
  await fakeProgram(join(home, 'first', 'redis-server'), versionLine('Redis', '6.0.16'))
  await fakeProgram(join(home, 'second', 'redis-server'), versionLine('Valkey', '7.2.5'))
  await fakeProgram(join(home, 'third', 'redis-server'), versionLine('Redis', '7.0.0'))
  const found = await findServerOn({ ...pretended, env })
  expect(found).toEqual({
    command: join(home, 'third', 'redis-server'),
    env: {},
    kind: 'redis',
    version: '7.0.0',
  })
})

test('a Valkey on the PATH will do', async () => {
  const pretended = await machine('linux')
  await fakeProgram(join(pretended.home, 'bin', 'valkey-server'), versionLine('Valkey', '8.0.1'))
  expect(await findServerOn(pretended)).toMatchObject({ kind: 'valkey', version: '8.0.1' })
})

test('without any server one message names a command for each platform and the failed attempts', async () => {
  const pretended = await machine('linux')
  await fakeProgram(join(pretended.home, 'bin', 'redis-server'), versionLine('Redis', '6.0.16'))
  const error = await findServerOn(pretended).catch((reason: Error) => reason)
  const { message } = error as Error
  for (const command of ['apt-get install', 'dnf install', 'apk add', 'pacman -S', 'brew install']) {
    expect(message).toContain(command)
  }
  expect(message).toContain('redis 6.0.16, older than 7.0')
})

test('PENKNIFE_REDIS_BINARY has precedence over the PATH', async () => {
  const pretended = await machine('linux')
  const named = join(pretended.home, 'mine')
  await fakeProgram(named, versionLine('Redis', '8.0.6'))
  await fakeProgram(join(pretended.home, 'bin', 'redis-server'), versionLine('Redis', '7.0.0'))
  const found = await findServerOn({ ...pretended, env: { ...pretended.env, PENKNIFE_REDIS_BINARY: named } })
  expect(found.command).toBe(named)
})

test('PENKNIFE_REDIS_BINARY is refused when it is too old or no server', async () => {
  const pretended = await machine('linux')
  const named = join(pretended.home, 'mine')
  const env = { ...pretended.env, PENKNIFE_REDIS_BINARY: named }
  await expect(findServerOn({ ...pretended, env })).rejects.toThrow(
    'PENKNIFE_REDIS_BINARY names no server that runs',
  )
  await fakeProgram(named, versionLine('Redis', '6.2.1'))
  await expect(findServerOn({ ...pretended, env })).rejects.toThrow('redis 6.2.1, older than 7.0')
})

test('on macOS a poured formula is found outside the PATH', async () => {
  const pretended = await machine('darwin')
  const { home } = pretended
  await fakeProgram(join(home, 'bin', 'brew'), `[ "$1" = --prefix ] && echo "${home}/opt/$2"`)
  await fakeProgram(join(home, 'opt', 'valkey', 'bin', 'valkey-server'), versionLine('Valkey', '8.1.0'))
  expect(await findServerOn(pretended)).toMatchObject({ kind: 'valkey', version: '8.1.0' })
  expect(pretended.lines).toEqual([])
})

test('on macOS without one, brew installs redis and the log reports it', async () => {
  const pretended = await machine('darwin')
  const { home } = pretended
  await fakeProgram(join(home, 'server'), versionLine('Redis', '8.2.1'))
  await fakeProgram(
    join(home, 'bin', 'brew'),
    `echo "$*" >>"${home}/calls"`,
    `[ "$1" = --prefix ] && { echo "${home}/opt/$2"; exit; }`,
    `/bin/mkdir -p "${home}/opt/$2/bin" && /bin/mv "${home}/server" "${home}/opt/$2/bin/redis-server"`,
  )
  expect(await findServerOn(pretended)).toMatchObject({ kind: 'redis', version: '8.2.1' })
  expect(await readFile(join(home, 'calls'), 'utf8')).toContain('install redis\n')
  expect(pretended.lines).toEqual([expect.stringContaining('brew install redis')])
})
