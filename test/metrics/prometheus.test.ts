import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { createNotifier, createRateLimiter, createStream, type Penknife } from '@penknife/core'
import { createMetrics } from '@penknife/core/metrics'
import { Redis } from 'ioredis'
import { Registry } from 'prom-client'
import { beforeAll, expect, onTestFinished, test } from 'vitest'

import { findPrometheus, type Prometheus } from '../../scripts/prometheus.ts'
import { freePort } from '../../scripts/redis/ports.ts'
import { open, openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const run = promisify(execFile)
const bench = useRedis()
const ALERTS = fileURLToPath(new URL('../../docs/monitoring/alerts.yml', import.meta.url))
const GRAFANA = new URL('../../docs/monitoring/grafana.json', import.meta.url)

interface Answer<Data> {
  readonly status: string
  readonly error?: string
  readonly data: Data
}

interface Rule {
  readonly name: string
  readonly query: string
  readonly health: string
  readonly lastError?: string
  readonly state: string
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>>; readonly state: string }[]
}

let programs: Prometheus

// The first time it downloads the package.
beforeAll(async () => void (programs = await findPrometheus()), 300_000)

/** A system where something happens in every part, and some of it is wrong. `away` cannot reach its Redis. */
async function startBusySystem(penknife: Penknife, away: Penknife): Promise<() => Promise<void>> {
  const space = penknife.space('shop')
  const orders = createStream<number>(space, 'orders', { groups: ['billing'] })
  const mails = createStream<number>(space, 'mails', { groups: ['sending'] })
  const limiter = createRateLimiter(space, 'api', {
    rules: [
      { name: 'second', limit: 2, window: '1s' },
      { name: 'strict', limit: 0, window: '1h', shadow: true },
    ],
    denyCache: false,
  })
  const without = createRateLimiter(away.space('shop'), 'api', {
    rules: [{ name: 'second', limit: 2, window: '1s' }],
    whenUnavailable: 'open',
    deadline: '10ms',
  })
  const news = createNotifier(space, 'news')
  await news.subscribe(['all'], { onEvent: () => {} })
  const worker = orders.worker(
    'billing',
    ({ payload }) => {
      if (payload % 7 === 0) throw new Error('no')
    },
    { maxAttempts: 2, retryDelay: 0 },
  )
  // Nobody handles these, so an alert fires.
  await mails.addMany([1, 2, 3])
  const ending = new AbortController()
  const working = (async () => {
    for (let nth = 0; !ending.signal.aborted; nth++) {
      await Promise.all([
        orders.add(nth),
        limiter.take(`user ${nth % 3}`),
        without.take('ann'),
        news.publish('all', nth),
        new Promise((resolve) => setTimeout(resolve, 50)),
      ])
    }
  })()
  return async () => {
    ending.abort()
    await working
    await worker.close()
  }
}

/** An application's route for Prometheus, for the rest of the test. Returns its address. */
async function serve(register: Registry): Promise<string> {
  const server = createServer((_, response) => {
    void register.metrics().then((text) => response.setHeader('Content-Type', register.contentType).end(text))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => server.close().closeAllConnections())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Prometheus with the documented rules, which scrapes that address for the rest of the test. Returns its own. */
async function startPrometheus(target: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'penknife-prometheus-'))
  const rules = await readFile(ALERTS, 'utf8')
  // The test does not wait as long as an alert does before it fires.
  await writeFile(join(folder, 'alerts.yml'), rules.replaceAll(/ for: \S+/g, ' for: 1s'))
  const config = [
    'global: { scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms }',
    "rule_files: ['alerts.yml']",
    `scrape_configs: [{ job_name: app, static_configs: [{ targets: ['${target}'] }] }]`,
  ]
  await writeFile(join(folder, 'prometheus.yml'), config.join('\n'))
  const address = `127.0.0.1:${await freePort(false)}`
  const child = spawn(
    programs.prometheus,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const closed = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await closed
    await rm(folder, { recursive: true, force: true })
  })
  await until('Prometheus is ready', async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended with ${child.exitCode}`)
    return fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  return address
}

async function ask<Data>(address: string, path: string): Promise<Answer<Data>> {
  return (await (await fetch(`http://${address}/api/v1/${path}`)).json()) as Answer<Data>
}

/** The queries of all panels, with the values that Grafana gives to its variables. */
async function panelQueries(): Promise<(readonly [title: string, query: string])[]> {
  const { panels } = JSON.parse(await readFile(GRAFANA, 'utf8')) as {
    panels: readonly { title: string; targets: readonly { expr: string }[] }[]
  }
  return panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }): [string, string] => [
      title,
      expr.replaceAll('$__rate_interval', '2s').replaceAll(/\$(redis|space)/g, '.*'),
    ]),
  )
}

test('promtool accepts the alert rules, and each fires after its time and not before', async () => {
  await run(programs.promtool, ['check', 'rules', ALERTS])
  const folder = await mkdtemp(join(tmpdir(), 'penknife-promtool-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const group = 'redis="default",space="shop",stream="orders",group="billing"'
  const lock = 'redis="default",space="jobs",name="nightly",feature="lock"'
  const limiter = 'redis="default",space="shop",limiter="api",rule="hour",outcome="allowed"'
  const series: Readonly<Record<string, string>> = {
    'penknife_redis_up{redis="default",instance="a"}': '0x20',
    'penknife_redis_refusing{redis="default",instance="a"}': '1x20',
    [`penknife_stream_entries{${group},state="waiting"}`]: '3x20',
    [`penknife_stream_entries{${group},state="dead"}`]: '1x20',
    // Without a worker for ten minutes, then with one.
    [`penknife_stream_workers{${group}}`]: '0x10 1x40',
    [`penknife_stream_paused{${group}}`]: '0x20 1x40',
    [`penknife_stream_oldest_age_seconds{${group}}`]: '400x60',
    [`penknife_limiter_decisions_total{${limiter},decided_by="policy"}`]: '0+1x20',
    [`penknife_leases_lost_total{${lock}}`]: '0x5 1x20',
    'penknife_metrics_complete{redis="default"}': '0x20',
  }
  const fires: readonly (readonly [alert: string, before: string, after: string])[] = [
    ['PenknifeRedisAway', '30s', '2m'],
    ['PenknifeRedisRefuses', '30s', '2m'],
    ['PenknifeNoWorker', '1m', '3m'],
    ['PenknifeBehind', '14m', '17m'],
    ['PenknifePaused', '40m', '52m'],
    ['PenknifeDeadLetters', '4m', '6m'],
    ['PenknifeLimiterWithoutRedis', '5m', '8m'],
    ['PenknifeLeasesLost', '4m', '7m'],
    ['PenknifeStreamsNotRead', '9m', '11m'],
    ['PenknifeStreamsLeftOut', '9m', '11m'],
  ]
  const rules = [...(await readFile(ALERTS, 'utf8')).matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  expect(rules).toEqual(fires.map(([name]) => name))
  const expression = (name: string): string => `count(ALERTS{alertname="${name}",alertstate="firing"})`
  const expected = fires.flatMap(([name, before, after]) => [
    { expr: expression(name), eval_time: before, exp_samples: [] },
    { expr: expression(name), eval_time: after, exp_samples: [{ labels: '{}', value: 1 }] },
  ])
  const cases = {
    rule_files: [ALERTS],
    evaluation_interval: '30s',
    tests: [
      {
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: expected,
      },
    ],
  }
  // JSON is YAML.
  await writeFile(join(folder, 'tests.yml'), JSON.stringify(cases))
  await run(programs.promtool, ['test', 'rules', join(folder, 'tests.yml')])
})

test('against a busy system every panel shows values, every alert can be evaluated, and the right ones fire', async () => {
  const penknife = await openReady(bench.raw)
  const register = new Registry()
  const metrics = createMetrics(penknife, { register, shared: { interval: '1s' } })
  // A process that cannot reach its Redis has metrics too.
  const nowhere = new Redis({ path: '/nowhere/redis.sock', lazyConnect: true })
  const away = open(nowhere, { deadline: '50ms', breaker: { failures: 1 } })
  createMetrics(away, { register, redis: 'away', shared: false })
  const stop = await startBusySystem(penknife, away)
  onTestFinished(stop)
  const address = await startPrometheus(await serve(register))
  await until('its gauges were read', () => metrics.elected)

  let empty = await panelQueries()
  async function hasValues(title: string, query: string): Promise<boolean> {
    const path = `query?query=${encodeURIComponent(query)}`
    const { status, error, data } = await ask<{ result: readonly unknown[] }>(address, path)
    if (status !== 'success') throw new Error(`${title}: ${query}: ${error}`)
    return data.result.length > 0
  }
  await until('every panel has values', async () => {
    const [first] = empty
    // The others need as long as the first one of them.
    if (first && !(await hasValues(...first))) return false
    const shown = await Promise.all(empty.map(([title, query]) => hasValues(title, query)))
    empty = empty.filter((_, at) => !shown[at])
    return empty.length === 0
  }).catch((error: unknown) => {
    throw new Error(`without values: ${JSON.stringify(empty)}`, { cause: error })
  })

  const { data: targets } = await ask<{ activeTargets: readonly { lastError: string }[] }>(address, 'targets')
  expect(targets.activeTargets.map(({ lastError }) => lastError)).toEqual([''])

  async function rules(): Promise<readonly Rule[]> {
    const { data } = await ask<{ groups: readonly { rules: readonly Rule[] }[] }>(address, 'rules')
    return data.groups.flatMap((group) => group.rules)
  }
  const firing = async (): Promise<string[]> =>
    (await rules()).filter(({ state }) => state === 'firing').map(({ name }) => name)
  const expected = [
    'PenknifeRedisAway',
    'PenknifeNoWorker',
    'PenknifeDeadLetters',
    'PenknifeLimiterWithoutRedis',
  ]
  await until('the alerts fire', async () => (await firing()).length >= expected.length)
  const all = await rules()
  expect(all.map(({ name, health, lastError }) => [name, health, lastError])).toEqual(
    all.map(({ name }) => [name, 'ok', undefined]),
  )
  expect(await firing()).toEqual(expected)
  const of = (name: string): unknown => all.find((rule) => rule.name === name)?.alerts[0]?.labels
  expect(of('PenknifeRedisAway')).toMatchObject({ redis: 'away' })
  expect(of('PenknifeNoWorker')).toMatchObject({ space: 'shop', stream: 'mails', group: 'sending' })
  expect(of('PenknifeDeadLetters')).toMatchObject({ stream: 'orders', group: 'billing' })
})
