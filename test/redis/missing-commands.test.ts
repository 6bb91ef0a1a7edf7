import { createNotifier, createStream, type ServerFinding, type Penknife } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, open } from '../support/connect.ts'
import { counters, REPLICATED, safely } from '../support/counters.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

// Commands that a managed server may lack, or a user may not run.

const bench = useRedis()

/** A penknife whose user may not run some commands, and its findings. */
async function without(
  ...denied: readonly string[]
): Promise<{ penknife: Penknife; found: ServerFinding[] }> {
  const rights = ['reset', 'on', '>x', '~*', '&*', '+@all', ...denied.map((command) => `-${command}`)]
  await bench.raw.call('ACL', 'SETUSER', 'ann', ...rights)
  const penknife = open(pattern(bench.server.url, { username: 'ann', password: 'x' }))
  const found: ServerFinding[] = []
  penknife.on((event) => {
    if (event.kind === 'finding' && event.finding.code !== 'persistence') found.push(event.finding)
  })
  return { penknife, found }
}

const named = (command: string): object => ({
  code: 'missing-command',
  message: expect.stringMatching(new RegExp(`^${command} is missing: `)),
})

test('without CLIENT connections have no names, and a finding reports it', async () => {
  const { penknife, found } = await without('client')
  expect(await counters(penknife.space('shop'))('c')).toBe(1)
  await until('it is found', () => found.length > 0)
  expect(found).toMatchObject([named('CLIENT')])
  expect(await penknife.health()).toMatchObject({ status: 'ok', findings: [named('CLIENT')] })
})

test('without MEMORY a stream is trimmed by its other bounds and counted without bytes, and a finding reports it', async () => {
  const { penknife, found } = await without('memory')
  const stream = createStream<number>(penknife.space('shop'), 'orders', {
    retain: { entries: 1_000_000, bytes: 4096 },
  })
  expect(await stream.addMany(Array.from({ length: 300 }, (_, at) => at))).toHaveLength(300)
  expect(await stream.stats()).toMatchObject({ length: 300, bytes: undefined })
  await until('it is found', () => found.length > 0)
  expect(found).toMatchObject([named('MEMORY USAGE')])
})

test('without WAIT calls that must be replicated are refused undone, others are carried out, and a finding reports it', async () => {
  const { penknife, found } = await without('wait')
  const space = penknife.space('shop')
  expect(await failure(safely(space, REPLICATED)())).toMatchObject({
    code: 'PENKNIFE_REJECTED',
    fate: 'not-done',
  })
  expect(await counters(space)('c')).toBe(1)
  expect(found).toMatchObject([named('WAIT')])
})

test('without SSUBSCRIBE workers work, health is degraded, and a finding reports it', async () => {
  const { penknife, found } = await without('ssubscribe')
  const space = penknife.space('shop')
  const stream = createStream<number>(space, 'orders', { groups: ['billing'] })
  const handled: number[] = []
  startWorker(stream, 'billing', ({ payload }) => void handled.push(payload))
  await stream.add(1)
  await until('it is handled', () => handled.length === 1)
  await failure(createNotifier(space, 'main').subscribe(['a'], { onEvent: () => {} }))
  expect(found).toMatchObject([named('SSUBSCRIBE')])
  expect(await penknife.health()).toMatchObject({
    status: 'degraded',
    findings: expect.arrayContaining(found),
  })
  await bench.raw.call('ACL', 'SETUSER', 'ann', '+ssubscribe')
  await until('it is allowed', async () => (await penknife.health()).status === 'ok')
  expect((await penknife.health()).findings).toEqual([expect.objectContaining({ code: 'persistence' })])
})

test('the finding stays when another connection of the process begins anew', async () => {
  const { penknife, found } = await without('ssubscribe')
  await failure(createNotifier(penknife.space('shop'), 'main').subscribe(['a'], { onEvent: () => {} }))
  expect(found).toMatchObject([named('SSUBSCRIBE')])
  const events: string[] = []
  penknife.on(({ kind }) => void events.push(kind))
  await bench.raw.call('CLIENT', 'KILL', 'USER', 'ann')
  await until('it is back', () => events.includes('available'))
  expect((await penknife.health()).findings).toEqual(expect.arrayContaining(found))
})

test('nothing is missed without CONFIG', async () => {
  const { penknife, found } = await without('config')
  expect(await counters(penknife.space('shop'))('c')).toBe(1)
  await until('the server was looked at', async () => (await penknife.health()).server !== undefined)
  expect(found).toEqual([])
})
