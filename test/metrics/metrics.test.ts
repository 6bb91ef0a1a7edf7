import { createRateLimiter, createStream, createNotifier, type Penknife, PenknifeError } from '@penknife/core'
import { createMetrics, type Metrics, type MetricsOptions } from '@penknife/core/metrics'
import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'

import { join } from '../../packages/core/src/metrics/registry.ts'
import { createSeries } from '../../packages/core/src/metrics/series.ts'
import { open, openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

async function openPenknife(): Promise<Penknife> {
  return openReady(bench.raw)
}

function metricsOf(penknife: Penknife, options: MetricsOptions = { shared: false }): Metrics {
  const metrics = createMetrics(penknife, options)
  onTestFinished(() => metrics.close())
  return metrics
}

/** The value of each series, by its text without `redis="default"`. */
async function scrape({ register }: Pick<Metrics, 'register'>): Promise<Readonly<Record<string, number>>> {
  const lines = (await register.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      const name = line
        .slice(0, at)
        .replace(/redis="default",?/, '')
        .replace('{}', '')
      return [name, Number(line.slice(at + 1))]
    }),
  )
}

const DELIVERIES = 'penknife_stream_deliveries_total'
const ORDERS = 'space="shop",stream="orders"'
const BILLING = `${ORDERS},group="billing"`

test('counts adds and deliveries of a stream by outcome, with the times that entries waited and handlers ran', async () => {
  const penknife = await openPenknife()
  const stream = createStream<string>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const metrics = metricsOf(penknife)
  const worker = stream.worker(
    'billing',
    async ({ payload, attempt }) => {
      if (payload === 'dead' || (payload === 'again' && attempt === 1)) throw new Error('no')
    },
    { maxAttempts: 2, retryDelay: '1ms' },
  )
  await stream.add('good', { id: 'a' })
  await stream.add('good', { id: 'a' })
  await stream.add('again')
  await stream.add('dead')
  await until('all ended', async () => {
    const { [`${DELIVERIES}{${BILLING},outcome="done"}`]: done, ...rest } = await scrape(metrics)
    return done === 2 && rest[`${DELIVERIES}{${BILLING},outcome="dead"}`] === 1
  })
  expect(await scrape(metrics)).toMatchObject({
    [`penknife_stream_adds_total{${ORDERS},outcome="added"}`]: 3,
    [`penknife_stream_adds_total{${ORDERS},outcome="duplicate"}`]: 1,
    [`${DELIVERIES}{${BILLING},outcome="retrying"}`]: 2,
    [`penknife_stream_wait_seconds_count{${BILLING}}`]: 5,
    [`penknife_stream_run_seconds_count{${BILLING},outcome="done"}`]: 2,
    [`penknife_stream_run_seconds_count{${BILLING},outcome="failed"}`]: 3,
  })
  await worker.close()
})

test('counts decisions of a limiter by rule, outcome and what decided; never by subject', async () => {
  const penknife = await openPenknife()
  const metrics = metricsOf(penknife)
  const limiter = createRateLimiter(penknife.space('shop'), 'api', {
    rules: [
      { name: 'hour', limit: 1, window: '1h' },
      { name: 'strict', limit: 0, window: '1h', shadow: true },
    ],
    denyCache: false,
  })
  await limiter.take('ann')
  await limiter.take('ann')
  await limiter.block('bob', { reason: 'abuse', duration: '1h' })
  await limiter.take('bob')
  const text = await metrics.register.metrics()
  expect(text).not.toMatch(/ann|bob|abuse/)
  const api = 'space="shop",limiter="api"'
  expect(await scrape(metrics)).toMatchObject({
    [`penknife_limiter_decisions_total{${api},rule="hour",outcome="allowed",decided_by="redis"}`]: 1,
    [`penknife_limiter_decisions_total{${api},rule="hour",outcome="denied",decided_by="redis"}`]: 1,
    [`penknife_limiter_decisions_total{${api},rule="",outcome="blocked",decided_by="redis"}`]: 1,
    [`penknife_limiter_shadow_denials_total{${api},rule="strict"}`]: 2,
  })
})

test('a scrape says whether Redis answers, and counts connections and subscriptions', async () => {
  const penknife = await openPenknife()
  const metrics = metricsOf(penknife)
  const notifier = createNotifier(penknife.space('shop'), 'news')
  const subscription = await notifier.subscribe(['all'], { onEvent: () => {} })
  expect(await scrape(metrics)).toMatchObject({
    penknife_redis_up: 1,
    penknife_redis_disconnects_total: 0,
    'penknife_connections{purpose="commands",state="ready"}': 1,
    'penknife_notifier_subscriptions{space="shop",notifier="news"}': 1,
  })
  await subscription.close()
  await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until('it is connected again', async () => {
    const found = await scrape(metrics)
    return found['penknife_redis_reconnects_total'] === 1 && found['penknife_redis_up'] === 1
  })
  const found = await scrape(metrics)
  expect(found['penknife_redis_disconnects_total']).toBe(1)
  expect(found).not.toHaveProperty(['penknife_notifier_subscriptions{space="shop",notifier="news"}'])
  await penknife.close()
  expect(await metrics.register.metrics()).toBe('\n')
})

test('counts calls of scripts by how they ended, with how many were sent together and how long Redis took', async () => {
  const penknife = await openReady(bench.raw, { maxPending: 70, deadline: '200ms' })
  const metrics = metricsOf(penknife)
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  await stream.add(0)
  // More than one batch has room for, and too many. Other calls may be pending too, such as the declaration.
  const adds = await Promise.allSettled(Array.from({ length: 71 }, (_, n) => stream.add(n)))
  const refused = adds.filter(({ status }) => status === 'rejected').length
  expect(refused).toBeGreaterThan(0)
  // The script finds a key of another type, and refuses before it writes.
  await bench.raw.set('pk1:{shop}:stream:broken', 'text')
  await expect(createStream<number>(penknife.space('shop'), 'broken').add(1)).rejects.toMatchObject({
    fate: 'not-done',
  })
  const answered = await scrape(metrics)
  expect(answered).toMatchObject({
    'penknife_redis_calls_total{script="stream/add",outcome="done"}': 72 - refused,
    'penknife_redis_calls_total{script="stream/add",outcome="not-done"}': refused + 1,
    'penknife_redis_batch_calls_sum{script="stream/add"}': 73 - refused,
    'penknife_redis_batch_calls_count{script="stream/add"}': 4,
    'penknife_redis_batch_seconds_count{script="stream/add"}': 4,
  })
  const seconds = answered['penknife_redis_batch_seconds_sum{script="stream/add"}'] ?? 0
  expect(seconds).toBeGreaterThan(0)
  // Redis gets the call, and replies after the deadline.
  bench.server.freeze()
  try {
    await expect(stream.add(1)).rejects.toMatchObject({ fate: 'unknown' })
  } finally {
    bench.server.thaw()
  }
  const late = await scrape(metrics)
  expect(late['penknife_redis_calls_total{script="stream/add",outcome="unknown"}']).toBe(1)
  expect(late['penknife_redis_batch_seconds_sum{script="stream/add"}']).toBeGreaterThan(seconds + 0.15)
})

test('one elected process reads the states of streams; when it ends, another one does, and a stream that is gone has no gauges', async () => {
  const first = await openPenknife()
  const space = first.space('shop')
  const stream = createStream(space, 'orders', { groups: ['billing'] })
  await stream.addMany([1, 2, 3])
  createStream(space, 'mails', { groups: ['sender'] })
  await space.runtime.registered()
  const options: MetricsOptions = { shared: { interval: '1s' } }
  const metrics = metricsOf(first, options)
  await until('it was elected and read', async () => 'penknife_metrics_complete' in (await scrape(metrics)))
  const others = metricsOf(await openPenknife(), options)
  const expected = {
    penknife_metrics_elected: 1,
    penknife_metrics_complete: 1,
    [`penknife_stream_entries{${BILLING},state="waiting"}`]: 3,
    [`penknife_stream_entries{${BILLING},state="dead"}`]: 0,
    [`penknife_stream_workers{${BILLING}}`]: 0,
    [`penknife_stream_paused{${BILLING}}`]: 0,
    'penknife_stream_paused{space="shop",stream="mails",group="sender"}': 0,
  }
  expect(await scrape(metrics)).toMatchObject(expected)
  expect(await scrape(others)).toMatchObject({ penknife_metrics_elected: 0 })
  expect(await others.register.metrics()).not.toContain('penknife_stream_entries{')

  await metrics.close()
  await until('the other one reads', async () => 'penknife_metrics_complete' in (await scrape(others)))
  expect(others.elected).toBe(true)
  expect(await scrape(others)).toMatchObject(expected)
  await bench.raw.zrem(space.runtime.keys.registry.names, 'stream mails')
  await until('the stream is gone', async () => !(await others.register.metrics()).includes('stream="mails"'))
})

test('counts only its own penknife; several share a registry under different names, and each removes what is its own', async () => {
  const [one, two] = [await openPenknife(), await openPenknife()]
  const register = new Registry()
  const metrics = metricsOf(one, { register, redis: 'one', shared: false })
  metricsOf(two, { register, redis: 'two', shared: false })
  const alone = metricsOf(one)
  await createStream(one.space('shop'), 'orders').add(1)
  const name = (redis: string): string =>
    `penknife_stream_adds_total{redis="${redis}",${ORDERS},outcome="added"}`
  expect(await scrape({ register })).toMatchObject({ [name('one')]: 1 })
  expect(await register.metrics()).not.toContain(name('two'))
  expect((await scrape(alone))[`penknife_stream_adds_total{${ORDERS},outcome="added"}`]).toBe(1)
  expect(() => createMetrics(two, { register, redis: 'one' })).toThrow(PenknifeError)
  await metrics.close()
  const left = await register.metrics()
  expect(left).not.toContain('redis="one"')
  expect(left).toContain('penknife_redis_up{redis="two"} 1')
  // As tests do that clear the global registry between runs.
  register.clear()
  for (const round of [1, 2]) {
    await using again = createMetrics(one, { register, redis: 'two', shared: false })
    expect((await scrape(again))['penknife_redis_up{redis="two"}'], `round ${round}`).toBe(1)
  }
})

test('the number of series is bounded: more names are counted together', async () => {
  const penknife = await openPenknife()
  const metrics = metricsOf(penknife, { maxSeries: 10, shared: false })
  const space = penknife.space('shop')
  await Promise.all(Array.from({ length: 30 }, (_, at) => createStream(space, `s${at}`).add(1)))
  const adds = Object.entries(await scrape(metrics)).filter(([name]) => name.includes('adds_total'))
  expect(adds).toHaveLength(11)
  expect(adds.reduce((sum, [, value]) => sum + value, 0)).toBe(30)
  expect(Object.fromEntries(adds)).toMatchObject({
    'penknife_stream_adds_total{space="(other)",stream="(other)",outcome="added"}': 20,
  })
})

test('at most maxStreams streams are read, and a gauge says when there are more', async () => {
  const penknife = await openPenknife()
  const space = penknife.space('shop')
  for (const name of ['first', 'second']) createStream(space, name, { groups: ['work'] })
  await space.runtime.registered()
  for (const [maxStreams, complete] of [
    [2, 1],
    [1, 0],
  ] as const) {
    await using metrics = createMetrics(penknife, { shared: { maxStreams, space: `elects-${maxStreams}` } })
    await until('it read', async () => 'penknife_metrics_complete' in (await scrape(metrics)))
    const found = await scrape(metrics)
    expect(found['penknife_metrics_complete']).toBe(complete)
    expect(Object.keys(found).filter((name) => name.startsWith('penknife_stream_workers'))).toHaveLength(
      maxStreams,
    )
  }
})

test('names that another program wrote cannot add lines to the exposition, and do not stop the reading', async () => {
  const penknife = await openPenknife()
  const space = penknife.space('shop')
  const stream = createStream(space, 'orders', { groups: ['billing'] })
  await stream.add(1)
  await space.runtime.registered()
  const hostile = 'x"} 1\nadmin{a="\\'
  const { registry, spaces } = space.runtime.keys
  for (const [{ names, seen, options }, member] of [
    [registry, `stream ${hostile}`],
    [spaces, hostile],
  ] as const) {
    await bench.raw.zadd(names, 0, member)
    await bench.raw.zadd(seen, Date.now(), member)
    await bench.raw.hset(options, member, '{"groups":["g"]}')
  }
  const metrics = metricsOf(penknife, { shared: { interval: '1s' } })
  await until('it read', async () => 'penknife_metrics_complete' in (await scrape(metrics)))
  const text = await metrics.register.metrics()
  expect(text).not.toContain('admin')
  expect(text).toContain(`penknife_stream_workers{redis="default",${BILLING}} 0`)
  for (const line of text.split('\n')) expect(line).toMatch(/^($|# |penknife_\w+(\{|\s))/)
})

test('a label value of any text stays one value of one line', async () => {
  const register = new Registry()
  const { metrics } = join(register, { redis: 'default', refresh: () => Promise.resolve() }, [1])
  const series = createSeries(metrics, 'default', 10)
  series.add('penknife_breaker_opened_total', ['x"} 1\nadmin{a="\\'])
  const text = await register.metrics()
  expect(text).toContain(String.raw`{redis="default",node="x\"} 1\nadmin{a=\"\\"} 1`)
  for (const line of text.split('\n')) expect(line).toMatch(/^($|# |penknife_\w+(\{|\s))/)
})

test('metrics that are closed listen to nothing', async () => {
  const penknife = await openPenknife()
  const { taps } = penknife.space('shop').runtime
  const metrics = metricsOf(penknife)
  expect(taps.of('penknife:limiter').size).toBe(1)
  await metrics.close()
  for (const topic of ['stream', 'worker', 'limiter', 'breaker', 'connection']) {
    expect(taps.of(`penknife:${topic}`).size).toBe(0)
  }
})

test('metrics do not replace the process warnings about faults', async () => {
  const penknife = await openPenknife()
  metricsOf(penknife)
  const warnings: string[] = []
  const collect = ({ message }: Error): void => void warnings.push(message)
  process.on('warning', collect)
  onTestFinished(() => void process.off('warning', collect))
  const stream = createStream(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const worker = stream.worker(
    'billing',
    () => {
      throw new Error('no')
    },
    { maxAttempts: 1 },
  )
  await stream.add(1)
  await until('it is reported', () => warnings.some((text) => text.includes('gave up on entry')))
  await worker.close()
})

test.each([
  [{ register: {} }, 'register'],
  [{ redis: 'a b' }, 'redis'],
  [{ buckets: [1, 1] }, 'buckets'],
  [{ maxSeries: 1 }, 'maxSeries'],
  [{ shared: { interval: 1 } }, 'interval'],
  [{ shared: { spaces: ['a b'] } }, 'space'],
  [{ shared: { maxStreams: 0 } }, 'maxStreams'],
  [{ share: false }, 'shared'],
])('createMetrics refuses %j', async (options, name) => {
  const penknife = await openPenknife()
  expect(() => createMetrics(penknife, options as never)).toThrow(name)
})

test('counts bans, decisions without Redis, and open circuits to a server that does not answer', async () => {
  const penknife = await openReady(bench.raw, {
    deadline: '200ms',
    breaker: { failures: 1, probeEvery: '10ms' },
  })
  const metrics = metricsOf(penknife)
  const limiter = createRateLimiter(penknife.space('shop'), 'api', {
    rules: [{ name: 'hour', limit: 1, window: '1h' }],
    ban: { denials: 1, within: '1h', duration: '1h' },
    denyCache: false,
    whenUnavailable: 'open',
  })
  await limiter.take('ann')
  await limiter.take('ann')
  bench.server.freeze()
  try {
    await limiter.take('bob')
    expect((await limiter.take('bob')).decidedBy).toBe('policy')
    expect(await metrics.register.metrics()).toMatch(
      /^penknife_breaker_open\{redis="default",node=".+"\} 1$/m,
    )
  } finally {
    bench.server.thaw()
  }
  await until('the circuit is closed', async () =>
    /^penknife_breaker_open\{.+\} 0$/m.test(await metrics.register.metrics()),
  )
  expect(await metrics.register.metrics()).toMatch(/^penknife_breaker_opened_total\{.+\} 1$/m)
  const found = await scrape(metrics)
  expect(found['penknife_limiter_bans_total{space="shop",limiter="api"}']).toBe(1)
  const policy = Object.entries(found).filter(([name]) => name.includes('decided_by="policy"'))
  expect(policy).toMatchObject([[expect.stringContaining('outcome="allowed"'), 2]])
})

test('while Redis is away there are no gauges of streams; they return with it', async () => {
  const penknife = open(bench.raw, { deadline: '200ms' })
  const metrics = metricsOf(penknife, { shared: { interval: '1s' } })
  const reads = async (): Promise<boolean> => 'penknife_metrics_complete' in (await scrape(metrics))
  await until('it read', reads)
  await bench.server.kill()
  await until('old numbers are gone', async () => !(await reads()))
  expect((await scrape(metrics))['penknife_redis_up']).toBe(0)
  await bench.server.start()
  await until('it reads again', reads)
  expect(await scrape(metrics)).toMatchObject({ penknife_redis_up: 1, penknife_redis_reconnects_total: 1 })
})
