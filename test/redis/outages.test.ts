import { setTimeout as delay } from 'node:timers/promises'

import { type Penknife, PenknifeError } from '@penknife/core'
import { expect, test } from 'vitest'

import { startProgram } from '../support/child.ts'
import { openReady } from '../support/connect.ts'
import { counters } from '../support/counters.ts'
import { ownRedis, pattern, patternOf } from '../support/redis.ts'
import { LONG, until } from '../support/until.ts'

const AWAY = String.raw`\(node:\d+\) \[PENKNIFE_AWAY\] PenknifeWarning: Redis is away: [^\n]*\n\(Use [^\n]*\n`
const POLICY = String.raw`\(node:\d+\) \[PENKNIFE_POLICY\] PenknifeWarning: limiter 'api' of space 'shop': its policy 'open' decides, because Redis does not \(PENKNIFE_\w+\): [^\n]*\n`
/**
 * The whole output of a program without listeners: one warning that Redis is away, and of a limiter one that its
 * policy decides.
 */
const SAID: unknown = expect.stringMatching(new RegExp(`^${AWAY}$`))
const SAID_WITH_LIMITER: unknown = expect.stringMatching(new RegExp(`^${AWAY}${POLICY}$`))

const DEADLINE_MS = 500
/** What a busy machine may add to a deadline. */
const SLACK_MS = 1000

interface Load {
  /** How the calls ended, by code; 'ok' for an answer. */
  readonly codes: ReadonlyMap<string, number>
  worstMs(): number
  /** Resolves when every call ended. */
  stop(): Promise<void>
}

/** About 2,000 calls a second, ten in each tick. */
function startLoad(penknife: Penknife): Load {
  const count = counters(penknife.space('shop'), DEADLINE_MS)
  const codes = new Map<string, number>()
  const open = new Set<Promise<void>>()
  let worst = 0
  const state = { going: true }

  async function call(): Promise<void> {
    const started = performance.now()
    const code = await count('load').then(
      () => 'ok',
      (error: unknown) => (error instanceof PenknifeError ? error.code : String(error)),
    )
    worst = Math.max(worst, performance.now() - started)
    codes.set(code, (codes.get(code) ?? 0) + 1)
  }
  async function run(): Promise<void> {
    while (state.going) {
      for (let at = 0; at < 10; at++) {
        const one: Promise<void> = call().finally(() => open.delete(one))
        open.add(one)
      }
      await delay(5)
    }
  }
  const running = run()
  return {
    codes,
    worstMs: () => worst,
    async stop() {
      state.going = false
      await running
      await Promise.all(open)
    },
  }
}

const answered = (load: Load): number => load.codes.get('ok') ?? 0

/** Service is there: this many more calls were answered. */
async function resumed(load: Load, more: number): Promise<void> {
  const before = answered(load)
  await until(`${more} more calls are answered`, () => answered(load) >= before + more, 20_000)
}

test('SCRIPT FLUSH in the middle of load costs no call and runs none twice', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const load = startLoad(penknife)
  const raw = patternOf('ioredis', server.socket)
  for (let flush = 0; flush < 5; flush++) {
    await resumed(load, 50)
    await raw.script('FLUSH')
  }
  await resumed(load, 50)
  await load.stop()
  expect([...load.codes.keys()]).toEqual(['ok'])
  expect(Number(await raw.get('pk1:{shop}:board:load'))).toBe(answered(load))
  raw.disconnect()
})

test('through a restart every call ends within its deadline and service resumes by itself', async () => {
  const server = await ownRedis({ persist: true })
  const penknife = await openReady(pattern(server.url))
  const load = startLoad(penknife)
  await resumed(load, 100)
  await server.restart()
  await resumed(load, 100)
  await load.stop()
  expect(load.worstMs()).toBeLessThan(DEADLINE_MS + SLACK_MS)
  const allowed = new Set(['ok', 'PENKNIFE_FATE_UNKNOWN', 'PENKNIFE_UNAVAILABLE'])
  expect([...load.codes.keys()].filter((code) => !allowed.has(code))).toEqual([])
  // Each answered call ran once; only those of unknown fate may have run besides.
  const raw = patternOf('ioredis', server.socket)
  const ran = Number(await raw.get('pk1:{shop}:board:load'))
  expect(ran).toBeGreaterThanOrEqual(answered(load))
  expect(ran).toBeLessThanOrEqual(answered(load) + (load.codes.get('PENKNIFE_FATE_UNKNOWN') ?? 0))
  raw.disconnect()
})

test('through 5 s without Redis every call ends within its deadline and service resumes by itself', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const load = startLoad(penknife)
  await resumed(load, 100)
  await server.kill()
  await delay(5000)
  const lost = load.codes.get('PENKNIFE_UNAVAILABLE') ?? 0
  expect(lost).toBeGreaterThan(100)
  await server.start()
  await resumed(load, 100)
  await load.stop()
  expect(load.worstMs()).toBeLessThan(DEADLINE_MS + SLACK_MS)
  expect((await penknife.health()).pending).toBe(0)
}, 60_000)

test(
  'while Redis is away the heap stays bounded at 10,000 calls a second',
  async () => {
    const child = startProgram('absence', [LONG ? '60' : '6'], ['--expose-gc'])
    const report = await child.next<{
      calls: number
      codes: Record<string, number>
      worstMs: number
      grownMb: number
      after: number
    }>()
    expect(report.calls).toBeGreaterThanOrEqual(LONG ? 600_000 : 60_000)
    expect(report.codes['PENKNIFE_UNAVAILABLE']).toBeGreaterThan(LONG ? 400_000 : 20_000)
    expect(report.worstMs).toBeLessThan(2000 + SLACK_MS * 2)
    expect(report.grownMb).toBeLessThan(50)
    expect(report.after).toBeGreaterThan(0)
    expect(await child.ended()).toEqual({ code: 0, stderr: SAID })
  },
  LONG ? 180_000 : 60_000,
)

test('a Redis that is away at start-up crashes nothing, and is used once it is available', async () => {
  const server = await ownRedis()
  await server.kill()
  const child = startProgram('start-up', [server.url])
  expect(await child.next()).toEqual({
    outcome: 'PENKNIFE_UNAVAILABLE',
    decidedBy: 'policy',
    health: 'unavailable',
  })
  await server.start()
  expect(await child.next()).toEqual({ value: 1 })
  expect(await child.next()).toBe('closed')
  expect(await child.ended()).toEqual({ code: 0, stderr: SAID_WITH_LIMITER })
})
