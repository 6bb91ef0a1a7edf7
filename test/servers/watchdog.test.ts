import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isAlive, ownerProcess } from './helpers.ts'

const withinFiveSeconds = { timeout: 5000, interval: 20 }

async function expectNothingLeft(redis: { readonly pid: number; readonly dir: string }): Promise<void> {
  await expect
    .poll(() => ({ server: isAlive(redis.pid), folder: existsSync(redis.dir) }), withinFiveSeconds)
    .toEqual({ server: false, folder: false })
}

test('a Redis whose owner is killed with SIGKILL ends within 5 s, and its folder is removed', async () => {
  const owner = await ownerProcess('wait')
  expect(isAlive(owner.pid)).toBe(true)
  expect(existsSync(owner.dir)).toBe(true)
  owner.process.kill('SIGKILL')
  await expectNothingLeft(owner)
})

test('a frozen Redis whose owner is killed ends too', async () => {
  const owner = await ownerProcess('wait')
  process.kill(owner.pid, 'SIGSTOP')
  owner.process.kill('SIGKILL')
  await expectNothingLeft(owner)
})

test('Ctrl-C to the owner ends the Redis', async () => {
  const owner = await ownerProcess('wait')
  owner.process.kill('SIGINT')
  await expectNothingLeft(owner)
})

test('a Redis that nobody stops does not keep its owner alive, and ends with it', async () => {
  const owner = await ownerProcess('return')
  const [code] =
    owner.process.exitCode === null ? await once(owner.process, 'exit') : [owner.process.exitCode]
  expect(code).toBe(0)
  await expectNothingLeft(owner)
})

test('an owner that dies of an error leaves nothing', async () => {
  const owner = await ownerProcess('throw')
  await expectNothingLeft(owner)
})
