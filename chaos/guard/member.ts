// A process that takes locks and permits, decrements a stock, runs bodies of `once`, and records all of it.
import '../harness/ends-with-parent.ts'
import { setTimeout as delay } from 'node:timers/promises'

import {
  connect,
  createCounters,
  createLock,
  createObjects,
  createOnce,
  createSemaphore,
  PenknifeError,
  type HeldLease,
} from '@penknife/core'
import { Redis } from 'ioredis'

import { now, openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { sabotageScripts } from '../harness/sabotage.ts'
import {
  LEASE_MS,
  LOCKS,
  type Loop,
  type MemberConfig,
  type MemberLife,
  PERMITS,
  RESERVED_MS,
  SKUS,
  SPACE,
  STOCK,
} from './plan.ts'
import type { MemberRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as MemberConfig & MemberLife
sabotageScripts(config.sabotage)
const journal = openJournal<MemberRecord>(config.folder, config.life)
const random = createRandom(config.seed + process.pid)
const penknife = connect(new Redis(config.url, { lazyConnect: true }), { deadline: 1000 })
const space = penknife.space(SPACE)
const lock = createLock(space, 'lock', { lease: LEASE_MS, wait: 3000, label: config.life })
const permits = createSemaphore(space, 'permits', { size: PERMITS, lease: LEASE_MS, wait: 3000 })
const writes = createObjects<{ fence: number }>(space, 'writes')
const stock = createCounters(space, 'stock', { initial: STOCK })
const once = createOnce(space, 'once', { window: '1h', lease: LEASE_MS, wait: 3000 })
const until = { closing: false }
let count = 0

function failed(what: string, error: unknown): void {
  if (!(error instanceof PenknifeError)) throw error
  journal.write({ k: 'failed', what, code: error.code })
}

/** Repeats a function until the process must end. */
async function loop(what: string, act: () => Promise<void>): Promise<void> {
  while (!until.closing) {
    try {
      await act()
    } catch (error) {
      failed(what, error)
      await delay(random.int(10, 50))
    }
    await delay(random.int(0, 10))
  }
}

function holds(of: string, kept: HeldLease): void {
  const at = now()
  if (kept.leftMs > 0) journal.write({ k: 'holds', of, fence: kept.fence, at })
}

/** Writes even if it lost the lock, because the fence must refuse such a write. */
async function write(of: string, { fence }: HeldLease): Promise<void> {
  const answer = await writes.set(of, { fence }, { fence: { key: of, token: fence } })
  if (answer.ok) journal.write({ k: 'wrote', of, fence, version: answer.version })
  else journal.write({ k: 'refused write', of, fence })
}

async function lockOnce(): Promise<void> {
  const keys = random.next() < 0.2 ? ['a', 'b'] : [random.pick(LOCKS)]
  const at = now()
  const kept = await lock.acquire(keys)
  if (!kept) return
  for (const of of kept.keys) journal.write({ k: 'got', of, fence: kept.fence, weight: 1, at })
  try {
    for (let times = random.int(1, 3); times > 0; times--) {
      for (const of of kept.keys) holds(of, kept)
      for (const of of kept.keys) await write(of, kept)
      await delay(random.int(0, random.next() < 0.2 ? config.holdMs : 20))
    }
    for (const of of kept.keys) await write(of, kept)
  } finally {
    for (const of of kept.keys) journal.write({ k: 'releases', of, fence: kept.fence })
    await kept.release()
  }
}

async function permitOnce(): Promise<void> {
  const at = now()
  const kept = await permits.acquire('permits', { weight: random.int(1, 2) })
  if (!kept) return
  const { fence, weight } = kept
  journal.write({ k: 'got', of: 'permits', fence, weight, at })
  await delay(random.int(0, 20))
  holds('permits', kept)
  journal.write({ k: 'releases', of: 'permits', fence })
  await kept.release()
}

/** Repeats the call until its outcome is known. The id makes that harmless. */
async function surely<T>(what: string, call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      failed(what, error)
      await delay(50)
    }
  }
}

async function takeOnce(): Promise<void> {
  const id = `${config.life}-${count++}`
  const sku = random.pick(SKUS)
  const n = random.int(1, 3)
  const changes = [{ counter: sku, by: -n }]
  if (random.next() < 0.5) {
    journal.write({ k: 'takes', sku, n, id })
    const { ok } = await surely('take', () => stock.change(changes, { id }))
    journal.write({ k: ok ? 'took' : 'took nothing', id })
    return
  }
  const made = await surely('reserve', () => stock.reserve(changes, { expires: RESERVED_MS, id }))
  if (!made.ok) return
  const how = random.pick(['commit', 'commit', 'cancel', 'leave'] as const)
  journal.write({ k: 'reserved', id, how })
  if (random.next() < 0.1) await delay(random.int(0, 2 * RESERVED_MS))
  if (how === 'cancel') await surely('cancel', made.reservation.cancel)
  if (how !== 'commit') return
  journal.write({ k: 'takes', sku, n, id })
  const { state } = await surely('commit', made.reservation.commit)
  journal.write({ k: state === 'committed' ? 'took' : 'took nothing', id })
}

/** All processes use the same ids at about the same time. */
async function runOnce(): Promise<void> {
  const id = `job-${Math.floor(now() / 60)}`
  const answer = await once.run(id, async () => {
    journal.write({ k: 'body', id })
    await delay(random.int(0, 60))
    return `${config.life}-${count++}`
  })
  if (answer.status !== 'done') return
  journal.write({ k: answer.first ? 'completed' : 'learned', id, result: answer.result })
}

journal.write({ k: 'born' })
const ACTS: { readonly [name in Loop]: () => Promise<void> } = {
  lock: lockOnce,
  permit: permitOnce,
  stock: takeOnce,
  once: runOnce,
}
const loops = config.loops.flatMap((name) => [loop(name, ACTS[name]), loop(name, ACTS[name])])

process.once('SIGTERM', () => {
  until.closing = true
  journal.write({ k: 'closing' })
  void Promise.all(loops)
    .then(() => penknife.close())
    .then(() => {
      journal.write({ k: 'closed' })
      process.exit(0)
    })
})
