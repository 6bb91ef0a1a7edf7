import {
  connect,
  createCounters,
  createDeduper,
  createLock,
  createObjects,
  createOnce,
  createSemaphore,
  type Space,
} from '@penknife/core'
import { Redis } from 'ioredis'

import type { Probe, Series } from '../harness/bench.ts'

const KEYS = 1_000_000
const IN_FLIGHT = 1000

interface Case {
  readonly what: string
  /** Fewer objects where each uses more memory of this process. */
  readonly keys?: number
  make(space: Space): (at: number) => Promise<unknown>
}

const CASES: readonly Case[] = [
  {
    what: 'counter',
    make: (space) => {
      const stock = createCounters(space, 'stock', { initial: 100 })
      return (at) => stock.decrement(`sku-${at}`)
    },
  },
  {
    what: 'open reservation',
    make: (space) => {
      const stock = createCounters(space, 'stock', { initial: KEYS })
      return (at) => stock.reserve([{ counter: `sku-${at % 1000}`, by: -1 }], { expires: '1d' })
    },
  },
  {
    what: 'remembered id of a change',
    make: (space) => {
      const stock = createCounters(space, 'stock', { initial: KEYS })
      return (at) => stock.decrement(`sku-${at % 1000}`, 1, { id: `order-${at}` })
    },
  },
  {
    what: 'id of a deduper',
    make: (space) => {
      const mails = createDeduper(space, 'mails', { window: '1d', maxIds: 2 * KEYS })
      return (at) => mails.claim(`mail-${at}`)
    },
  },
  {
    what: 'result of once, 16 bytes',
    make: (space) => {
      const once = createOnce(space, 'charge', { window: '1d' })
      return (at) => once.run(`order-${at}`, () => 'receipt-000000')
    },
  },
  {
    what: 'object of two fields',
    make: (space) => {
      const carts = createObjects(space, 'carts')
      return (at) => carts.set(`cart-${at}`, { items: ['sku-1'], total: at })
    },
  },
  {
    what: 'lock that is taken',
    keys: 100_000,
    make: (space) => {
      const lock = createLock(space, 'orders', { lease: '1h', label: 'host-17:12345' })
      return (at) => lock.tryAcquire(`order-${at}`)
    },
  },
  {
    what: 'semaphore of which one permit is taken',
    keys: 100_000,
    make: (space) => {
      const jobs = createSemaphore(space, 'jobs', { size: 5, lease: '1h' })
      return (at) => jobs.tryAcquire(`tenant-${at}`)
    },
  },
]

export const memory: Probe = {
  name: 'guard.memory',
  about: 'bytes in Redis of each; raw is SET NX PX of a key such as order-123',
  figures: [
    { id: 'bytes', heading: 'bytes each', better: 'less' },
    { id: 'keys', heading: 'how many' },
  ],
  async run(url, { quick, log }) {
    const control = new Redis(url)
    const penknife = connect(new Redis(url, { lazyConnect: true }), { deadline: '30s' })
    const raw = await bytesOf(control, quick ? KEYS / 10 : KEYS, (at) =>
      control.set(`order-${at}`, '1', 'PX', 86_400_000, 'NX'),
    )
    const series: Series[] = []
    for (const { what, keys = KEYS, make } of CASES) {
      const count = quick ? keys / 10 : keys
      const bytes = await bytesOf(control, count, make(penknife.space('bench')))
      log(`${what}: ${Math.round(bytes)} bytes`)
      series.push(
        { case: what, name: 'penknife', setup: '', ours: true, values: { bytes: [bytes], keys: [count] } },
        {
          case: what,
          name: 'raw SET NX PX',
          setup: '',
          ours: false,
          values: { bytes: [raw], keys: [count] },
        },
      )
    }
    await control.flushall('SYNC')
    await penknife.close({ deadline: '1s' })
    control.disconnect()
    return series
  },
}

async function bytesOf(
  control: Redis,
  count: number,
  call: (at: number) => Promise<unknown>,
): Promise<number> {
  await control.flushall('SYNC')
  const used = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await control.info('memory'))?.[1] ?? Number.NaN)
  const before = await used()
  for (let from = 0; from < count; from += IN_FLIGHT) {
    const size = Math.min(IN_FLIGHT, count - from)
    await Promise.all(Array.from({ length: size }, (_, at) => call(from + at)))
  }
  return ((await used()) - before) / count
}
