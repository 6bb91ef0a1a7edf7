import type { Penknife } from '@penknife/core'
import { expect, test } from 'vitest'

import { startProxies } from '../support/cluster-proxies.ts'
import { failure, openReady } from '../support/connect.ts'
import { type Count, counters } from '../support/counters.ts'
import type { Proxy } from '../support/proxy.ts'
import { clusterPattern, useCluster } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useCluster()

interface Through {
  readonly proxies: readonly Proxy[]
  readonly penknife: Penknife
}

async function throughProxies(): Promise<Through> {
  const { proxies, options } = await startProxies(bench.cluster)
  const penknife = await openReady(clusterPattern(bench.cluster, options))
  await Promise.all([0, 1, 2].map((master) => onMaster(penknife, master)('warm-up')))
  return { proxies, penknife }
}

/** Counters of a space on the master with that number. */
function onMaster(penknife: Penknife, master: number, deadlineMs: number = 10_000): Count {
  for (let at = 0; ; at++) {
    const space = penknife.space(`m${at}`)
    if (Math.floor((space.runtime.keys.route.slot * 3) / 16_384) === master)
      return counters(space, deadlineMs)
  }
}

async function total(): Promise<number> {
  const each = await Promise.all(
    bench.raws.map(async (raw) => {
      const keys = await raw.keys('*:once')
      return keys.length === 0 ? 0 : Number(await raw.get(keys[0] as string))
    }),
  )
  return each.reduce((sum, value) => sum + value, 0)
}

test('a call whose reply is lost with the connection ran once and is not sent again', async () => {
  const { proxies, penknife } = await throughProxies()
  const counts = [0, 1, 2].map((master) => onMaster(penknife, master))
  for (const proxy of proxies) proxy.swallowReplies()
  const calls = counts.map((count) => failure(count('once')))
  await until('the calls were carried out', async () => (await total()) === 3)
  for (const proxy of proxies) {
    proxy.pass()
    proxy.cut()
  }
  for (const error of await Promise.all(calls)) {
    expect(error).toMatchObject({ code: 'PENKNIFE_FATE_UNKNOWN', fate: 'unknown' })
  }
  expect(await Promise.all(counts.map((count) => count('once')))).toEqual([2, 2, 2])
})

test('a lost reply of one master does not affect calls to the others', async () => {
  const { proxies, penknife } = await throughProxies()
  const [first, second] = [onMaster(penknife, 0), onMaster(penknife, 1)]
  proxies[0]?.swallowReplies()
  const lost = failure(first('once'))
  expect(await second('x')).toBe(1)
  await until('the call was carried out', async () => (await total()) === 1)
  proxies[0]?.pass()
  proxies[0]?.cut()
  expect(await lost).toMatchObject({ code: 'PENKNIFE_FATE_UNKNOWN' })
  expect(await first('once')).toBe(2)
})

test('calls to a master that is away wait for it, while the others work', async () => {
  const { proxies, penknife } = await throughProxies()
  await proxies[0]?.leave()
  const first = onMaster(penknife, 0)
  // The first calls may still meet the connection that broke.
  await until('the connection is known to be gone', async () => {
    const error = await failure(onMaster(penknife, 0, 50)('probe'))
    return error.code === 'PENKNIFE_UNAVAILABLE' && error.fate === 'not-done'
  })
  const waiting = [first('once'), first('once')]
  await new Promise(setImmediate)
  waiting.push(first('once'))
  expect(await onMaster(penknife, 1)('x')).toBe(1)
  await proxies[0]?.comeBack()
  expect(await Promise.all(waiting)).toEqual([1, 2, 3])
})

test('a call to a master that stays away is known not to be done at its deadline', async () => {
  const { proxies, penknife } = await throughProxies()
  await proxies[1]?.leave()
  await until('the connection is known to be gone', async () => {
    const error = await failure(onMaster(penknife, 1, 50)('probe'))
    return error.code === 'PENKNIFE_UNAVAILABLE'
  })
  for (let turn = 0; turn < 5; turn++) {
    const error = await failure(onMaster(penknife, 1, 100)('once'))
    expect(error).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  }
  await proxies[1]?.comeBack()
  expect(await onMaster(penknife, 1)('once')).toBe(1)
})

test('a whole cluster that was away serves again by itself', async () => {
  const { proxies, penknife } = await throughProxies()
  for (const proxy of proxies) await proxy.leave()
  await until('penknife noticed', async () => (await penknife.health()).status === 'unavailable')
  const waiting = [0, 1, 2].map((master) => onMaster(penknife, master)('once'))
  for (const proxy of proxies) await proxy.comeBack()
  expect(await Promise.all(waiting)).toEqual([1, 1, 1])
})
