import { createStream } from '@penknife/core'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { freeze, ownRedis, useRedis } from '../support/redis.ts'
import { inShell, penknife, start } from './run.ts'
import { openShop } from './shop.ts'

const bench = useRedis()
const url = (): string => bench.server.socket

describe('when something is wrong', () => {
  test('a wrong command, option or argument ends with 2 and a hint; a password is never printed', async () => {
    const { space, listed } = await openShop(bench.raw)
    createStream(space, 'orders', { groups: ['a', 'b'] })
    await listed()
    const wrong: readonly (readonly [hint: string, ...args: string[]])[] = [
      ['Did you mean streams?', 'strems'],
      ['Did you mean --dry-run?', 'dead', 'purge', 'orders', '--dry-rum'],
      ["stream 'ordres' of space 'shop'", 'streams', 'ordres'],
      ['give a group, one of: a, b', 'dead', 'list', 'orders'],
      ['--sentinel is wrong', '--redis', 'redis://h', '--sentinel', 'redis://a', 'overview'],
      ['give --sentinel without --cluster', '--sentinel', 'a', '--cluster', 'overview'],
      ['give --sentinel too', '--master', 'a', 'overview'],
      ['the URL of Redis is wrong', '--redis', 'http://user:secret@host', 'overview'],
      ['the database in the URL', '--redis', 'redis://user:secret@127.0.0.1:1/abc', 'overview'],
      ['--most needs --keys', 'doctor', '--most', '5'],
      ['--unlink needs --keys', 'doctor', '--unlink'],
      ['give a whole number from 0 to 200', 'channel', 'tail', 'main', 'room', '-n', 'x'],
    ]
    await Promise.all(
      wrong.map(async ([hint, ...args]) => {
        const { code, stderr } = await penknife(url(), ...args)
        expect([args, code]).toEqual([args, 2])
        expect(stderr).toContain(hint)
        expect(stderr).not.toContain('secret')
      }),
    )
    expect((await penknife(url(), '--help')).code).toBe(0)
  })

  test('without Redis a command ends with 3 within its deadline; one that watches goes on when Redis is back', async () => {
    const server = await ownRedis()
    const client = new Redis(server.socket, { lazyConnect: true })
    const app = await openReady(client, { deadline: '30s' })
    createStream(app.space('shop'), 'orders', { groups: ['a'] })
    await app.space('shop').runtime.registered()
    const watching = start(server.socket, ['--deadline', '500ms', 'overview', '--watch', '10'])
    await watching.printed('shop')
    await server.kill()
    const away = await penknife(server.socket, '--deadline', '300ms', 'streams')
    expect(away.code).toBe(3)
    expect(away.stderr).toMatch(/Redis could not be reached within 300 ms/)
    await watching.printed('Redis could not be reached')
    const doctor = await penknife(server.socket, '--deadline', '300ms', 'doctor')
    expect(doctor).toMatchObject({ code: 3, stdout: '' })
    expect(doctor.stderr).toContain('ECONNREFUSED')
    await server.start()
    expect((await penknife(server.socket, 'overview')).code).toBe(0)
    watching.signal('SIGINT')
    expect((await watching.ended).code).toBe(0)
    freeze(server)
    const frozen = await Promise.all(
      ['doctor', 'streams'].map((command) => penknife(server.socket, '--deadline', '500ms', command)),
    )
    expect(frozen.map(({ code }) => code)).toEqual([3, 3])
  })
})

test('leaves out a space that another program wrote into the list, and says so', async () => {
  const { space, listed } = await openShop(bench.raw)
  createStream(space, 'orders')
  await listed()
  const { names, seen } = space.runtime.keys.spaces
  await bench.raw.multi().zadd(names, 0, 'no space!').zadd(seen, Date.now(), 'no space!').exec()
  const { code, stdout, stderr } = await penknife(url(), 'overview')
  expect([code, stderr]).toEqual([0, '1 names in the list of spaces are not of penknife, and are left out\n'])
  expect(stdout).toContain('shop')
})

test.runIf(process.platform === 'linux')('output that cannot be written is an error', async () => {
  const { space, listed } = await openShop(bench.raw)
  createStream(space, 'orders')
  await listed()
  const full = await inShell(url(), 'streams > /dev/full')
  expect(full.code).toBe(1)
  expect(full.stderr).toContain('the output cannot be written: ')
})
