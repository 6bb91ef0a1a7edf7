import {
  createLeaderboard,
  createLock,
  createNotifier,
  createRateLimiter,
  createStream,
  NeverRetryError,
  type Penknife,
  type Worker,
} from '@penknife/core'

import { until } from '../support/until.ts'

/** Text that would run, hide, turn or stretch if the page did not show it as text. */
export const HOSTILE = {
  html: '<img src=x onerror="document.title=`owned`"><script>document.title="owned"</script>',
  turned: 'invoice \u202egpj.exe\u202c \u200b\u2066end',
  controls: 'bell \u0007 escape \u001b[31m red\r\nnext',
  long: 'x'.repeat(65_536),
} as const

export interface Busy {
  /** An entry that waits for a worker, one that is delayed, and the position of a dead letter. */
  readonly waiting: string
  readonly delayed: string
  close(): Promise<void>
}

/** A shop with workers at work, dead letters, limits, boards, channels and locks; and payloads, errors, subjects and members that are hostile. */
export async function startBusySystem(app: Penknife): Promise<Busy> {
  const space = app.space('shop')
  const workers: Worker[] = []

  const orders = createStream<{ order: number; note?: string; error?: string }>(space, 'orders', {
    groups: ['billing'],
    tags: ({ error }) => ({ kind: error === undefined ? 'usual' : 'failing' }),
  })
  const emails = createStream<object>(space, 'emails', { groups: ['smtp'] })
  const events = createStream<object>(space, 'events', {
    groups: ['search', 'warehouse'],
    retain: { entries: 1000 },
  })

  const failing = [
    ...Array.from({ length: 14 }, (_, at) => `order ${4100 + at} not found`),
    ...Array.from({ length: 5 }, (_, at) => `timeout after ${3 + at} s: payment.example did not answer`),
    HOSTILE.html,
    HOSTILE.turned,
    HOSTILE.controls,
    HOSTILE.long,
  ]
  await orders.addMany(failing.map((error, at) => ({ order: 4100 + at, note: HOSTILE.html, error })))
  const failures = orders.worker(
    'billing',
    ({ payload: { order, error } }) => {
      if (error === undefined) return undefined
      throw order % 7 === 0 ? new NeverRetryError(error) : new Error(error)
    },
    { maxAttempts: 1, concurrency: 8 },
  )
  failures.on(() => {})
  await until(
    'the failing orders are dead',
    async () => (await orders.stats({ over: 0 })).groups[0]?.dead === failing.length,
  )
  await failures.close()

  await emails.addMany(
    Array.from({ length: 120 }, (_, at) => ({ to: `user-${at}@shop.example`, template: 'receipt' })),
  )
  const delayed = await emails.add({ to: 'ann@shop.example', template: 'reminder' }, { delay: '2h' })
  const waiting = await emails.add({ ...HOSTILE, [HOSTILE.turned]: 'a name' })
  await emails.schedule('digest', {
    cron: '30 7 * * MON-FRI',
    timeZone: 'Europe/Berlin',
    payload: { template: 'digest' },
  })
  await emails.schedule('clean-up', { every: '1h', payload: { template: 'none' } })
  await emails.schedules.pause('clean-up')
  await events.addMany(Array.from({ length: 60 }, (_, at) => ({ type: 'order.paid', order: 4000 + at })))
  await events.group('warehouse').pause()

  for (let at = 0; at < 3; at++) {
    workers.push(orders.worker('billing', () => pause(30), { concurrency: 2 }))
  }
  workers.push(events.worker('search', () => pause(20)))
  for (const worker of workers) worker.on(() => {})
  let added = 0
  const adding = setInterval(() => {
    added += 1
    orders.add({ order: 5000 + added }).catch(() => {})
    events.add({ type: 'order.created', order: 5000 + added }).catch(() => {})
  }, 200)

  const api = createRateLimiter(space, 'api', {
    deadline: '30s',
    rules: [
      { name: 'minute', limit: 100, window: '1m' },
      { name: 'day', algorithm: 'fixed-window', limit: 5000, window: '1d' },
      { name: 'stricter', limit: 10, window: '1m', shadow: true },
    ],
    denyCache: false,
  })
  createRateLimiter(space, 'tenants', {
    rules: [{ name: 'tenant-minute', limit: 50, window: '1m', per: 'tenant' }],
  })
  await Promise.all(Array.from({ length: 104 }, () => api.take('ann')))
  await api.take('bob')
  await api.block('eve', { duration: 'forever', reason: `stolen cards ${HOSTILE.turned}` })

  const points = createLeaderboard<{ name: string }>(space, 'points', {
    windows: { all: 'all-time', week: { calendar: 'week' } },
  })
  await Promise.all(
    Array.from({ length: 300 }, (_, at) => points.increment(`player-${at}`, 10 + ((at * 7919) % 4000))),
  )
  await points.increment(HOSTILE.html, 9000)
  await points.describe('player-1', { name: HOSTILE.turned })

  const main = createNotifier(space, 'main')
  for (let at = 0; at < 30; at++)
    await main.publish('order-4100', { step: at, note: HOSTILE.html }, { type: 'order' })

  const jobs = createLock(space, 'jobs', { label: 'report-worker-7', lease: '1h' })
  await jobs.acquire('nightly')

  const blog = app.space('blog')
  createStream(blog, 'comments', { groups: ['spam'] })
  await space.runtime.registered()
  await blog.runtime.registered()
  return {
    waiting,
    delayed,
    async close() {
      clearInterval(adding)
      await Promise.all(workers.map((worker) => worker.close()))
    },
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
