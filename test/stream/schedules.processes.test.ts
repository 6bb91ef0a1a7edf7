import { createStream } from '@penknife/core'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { bundledProgram, runProgram, type RunningProgram } from '../support/program.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { LONG, until } from '../support/until.ts'

const bench = useRedis()
const SCHEDULES = 20
const DEATHS = LONG ? 60 : 6
const ENTRIES = SCHEDULES * (LONG ? 60 : 8)

test('no occurrence is added twice or lost when processes die before and after they add it', async () => {
  const program = bundledProgram('ticker')
  const env = { TICKER_URL: bench.server.url, TICKER_SCHEDULES: String(SCHEDULES) }
  const running = new Set<RunningProgram>()
  let deaths = 0
  let stopping = false

  function start(): void {
    const one = runProgram(program, env)
    running.add(one)
    void one.ended.then(() => {
      running.delete(one)
      if (stopping) return
      deaths += 1
      start()
    })
  }

  for (let at = 0; at < 3; at++) start()
  const penknife = await openReady(pattern(bench.server.url))
  const stream = createStream<{ s: number; at: number }>(penknife.space('shop'), 'reports', {
    retain: { entries: 1_000_000 },
  })
  try {
    await until(
      `${ENTRIES} entries and ${DEATHS} deaths`,
      async () => deaths >= DEATHS && (await stream.stats({ over: 0 })).length >= ENTRIES,
      120_000,
    )
  } finally {
    stopping = true
    await Promise.all([...running].map((one) => one.kill()))
  }

  const times = new Map<number, number[]>()
  for await (const { payload } of stream.replay()) {
    times.set(payload.s, [...(times.get(payload.s) ?? []), payload.at])
  }
  expect(times.size).toBe(SCHEDULES)
  for (const all of times.values()) {
    const [first = 0] = all
    expect(all).toEqual(all.map((_, at) => first + at * 1000))
  }
}, 300_000)
