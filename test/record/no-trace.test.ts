import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { recordCommit, recordRecord, streamTakeTokens } from '../../packages/core/src/redis/scripts.gen.ts'
import { patternOf, useRedis } from '../support/redis.ts'
import { type Command, prepare, SCRIPT_CASES } from '../support/script-calls.ts'

// All or nothing: a call that fails for a wrong type or a missing right changes nothing at all, not even a part of it.

const bench = useRedis({ args: ['--enable-debug-command', 'yes'] })
let user: Redis
beforeAll(async () => {
  await bench.raw.call('ACL', 'SETUSER', 'other', 'on', '>x', '~*', '&*', '+@all')
  user = patternOf('ioredis', bench.server.url, { username: 'other', password: 'x' })
})
afterAll(() => user.disconnect())
beforeEach(async () => {
  await bench.raw.call('ACL', 'SETUSER', 'other', '+@all')
})

const NAMES = new Set([recordCommit, recordRecord, streamTakeTokens].map(({ name }) => name))
const cases = SCRIPT_CASES.filter(({ script }) => NAMES.has(script.name))
const digest = (): Promise<unknown> => bench.raw.call('DEBUG', 'DIGEST')

/** Whether a call of a sample failed. */
async function fails({ script, sample }: (typeof cases)[number]): Promise<boolean> {
  const [keys, ...shared] = sample.shared as [readonly string[], ...string[]]
  const ends = sample.item.length - script.args.length
  const own = sample.item.slice(0, ends)
  const args = [script.text, keys.length + ends, ...keys, ...own, ...shared, ...sample.item.slice(ends)]
  return user.call('eval', args).then(
    () => false,
    () => true,
  )
}

describe.each(cases)('$name', (each) => {
  const { script, sample } = each
  const before = sample.before as readonly Command[]

  test('works with all rights', async () => {
    await prepare(bench.raw, before ?? [])
    expect(await fails(each)).toBe(false)
  })

  test('changes nothing without the right to one of its commands', async () => {
    const commands = [...script.text.matchAll(/\bp?call\(\s*'(\w+)'/g)].map(([, command = '']) => command)
    let refused = 0
    for (const command of new Set([...commands, 'XADD', 'SPUBLISH'])) {
      await prepare(bench.raw, before ?? [])
      const denied = bench.raw.call('ACL', 'SETUSER', 'other', '+@all', `-${command}`)
      // A newer server has it.
      if ((await denied.catch((error: Error) => error)) instanceof Error) continue
      const was = await digest()
      if (!(await fails(each))) continue
      refused++
      expect(await digest(), command).toBe(was)
    }
    expect(refused).toBeGreaterThan(0)
  })

  test('changes nothing when a key has another type', async () => {
    const own = sample.item.slice(0, sample.item.length - script.args.length)
    const keys = new Set([...(sample.shared as [readonly string[]])[0], ...own])
    for (const key of keys) {
      for (const spoil of [
        ['SET', key, 'x'],
        ['RPUSH', key, 'x'],
      ] as [string, ...string[]][]) {
        await prepare(bench.raw, before ?? [])
        await bench.raw.del(key as string)
        await bench.raw.call(...spoil)
        const was = await digest()
        if (await fails(each)) expect(await digest(), `${String(key)} is a ${spoil[0]}`).toBe(was)
      }
    }
  })
})

test('all scripts have samples', () => {
  expect(new Set(cases.map(({ script }) => script.name))).toEqual(NAMES)
})
