import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createLeaderboard, type Leaderboard } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { bundledProgram, runProgram } from '../support/program.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { LONG, until } from '../support/until.ts'

const bench = useRedis()
const OPTIONS = {
  windows: {
    all: 'all-time',
    hour: { last: '1h' },
    loose: { last: '1h', tolerance: '1m' },
    moment: { last: '1s' },
  },
  dedup: { window: '1h' },
} as const

/** The records of one process before it died. */
interface Writer {
  readonly made: ReadonlyMap<string, { readonly member: string; readonly by: number }>
  readonly answered: ReadonlySet<string>
  readonly undoing: ReadonlySet<string>
  readonly undone: ReadonlySet<string>
}

/** Lets a process write until some hundred calls were answered, and kills it amid others. */
async function killed(name: string, folder: string): Promise<Writer> {
  const file = join(folder, name)
  await using program = runProgram(bundledProgram('board-writer'), {}, [
    bench.server.url,
    JSON.stringify(OPTIONS),
    name,
    file,
  ])
  await program.printed(/enough/)
  await program.kill('SIGKILL')
  const writer = {
    made: new Map(),
    answered: new Set<string>(),
    undoing: new Set<string>(),
    undone: new Set<string>(),
  }
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    if (line === '') continue
    const said = JSON.parse(line) as Readonly<Record<string, string>>
    if (said['made']) writer.made.set(said['made'], said)
    for (const what of ['answered', 'undoing', 'undone'] as const)
      if (said[what]) writer[what].add(said[what])
  }
  return writer
}

async function scores(board: Leaderboard, window: string): Promise<Record<string, number>> {
  const rows = await board.top(100, 1, { window })
  return Object.fromEntries(rows.map(({ member, score }) => [member, score]))
}

/** The possible sums of each member: the certain increments with any of the uncertain ones. */
function possible(writers: readonly Writer[]): Map<string, Set<number>> {
  const sums = new Map<string, Set<number>>()
  for (const { made, answered, undoing, undone } of writers) {
    for (const [id, { member, by }] of made) {
      const certain = (answered.has(id) ? by : 0) - (undone.has(id) ? by : 0)
      const maybe = !answered.has(id) ? by : undoing.has(id) && !undone.has(id) ? -by : 0
      const before = sums.get(member) ?? new Set([0])
      sums.set(member, new Set([...before].flatMap((sum) => [sum + certain, sum + certain + maybe])))
    }
  }
  return sums
}

/** What is on a rolling window's log, added up in the same moment as its sums are read. */
async function logged(window: string): Promise<{ log: object; sums: object }> {
  const key = `pk1:{shop}:board:points:window:${window}`
  const read = bench.raw
    .multi()
    .xrange(`${key}:log`, '-', '+')
    .hgetall(`${key}:parts`)
    .zrange(key, '0', '-1', 'WITHSCORES')
  const [entries, parts, kept] = ((await read.exec()) ?? []).map(([, reply]) => reply) as [
    readonly (readonly [id: string, fields: readonly string[]])[],
    Readonly<Record<string, string>>,
    readonly string[],
  ]
  const log = new Map<string, number>()
  for (const [id, [, member = '', , amount = '']] of entries) {
    log.set(member, (log.get(member) ?? 0) + Number(amount === '+' ? (parts[id] ?? 0) : amount))
  }
  const sums = new Map<string, number>()
  for (const [at, member] of kept.entries()) if (at % 2 === 0) sums.set(member, Number(kept[at + 1]))
  const there = [...log].filter(([, sum]) => sum !== 0)
  return { log: Object.fromEntries(there), sums: Object.fromEntries(sums) }
}

test('killed processes leave all confirmed updates and some others, the same in every window, and a repetition counts once', async () => {
  const penknife = await openReady(pattern(bench.server.url), { deadline: '30s' })
  const board = createLeaderboard(penknife.space('shop'), 'points', OPTIONS)
  const folder = await mkdtemp(join(tmpdir(), 'penknife-boards-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const writers: Writer[] = []
  for (let round = 0; round < (LONG ? 10 : 1); round++) {
    writers.push(...(await Promise.all(['a', 'b', 'c'].map((name) => killed(`${round}${name}`, folder)))))
  }
  // They died amid their calls.
  for (const { made, answered } of writers) expect(made.size).toBeGreaterThan(answered.size)

  // No script stopped in its middle: sums are those of their logs, and each window has the same.
  for (const window of ['hour', 'loose', 'moment']) {
    const { log, sums } = await logged(window)
    expect(sums, window).toEqual(log)
  }
  const found = await scores(board, 'all')
  for (const [member, sums] of possible(writers)) expect([...sums]).toContain(found[member] ?? 0)
  expect(await scores(board, 'hour')).toEqual(found)
  expect(await scores(board, 'loose')).toEqual(found)

  // The next process repeats every call of unknown outcome, and more.
  const wanted: Record<string, number> = {}
  const calls: Promise<unknown>[] = []
  for (const { made, undoing } of writers) {
    for (const [id, { member, by }] of made) {
      calls.push(board.increment(member, by, { id }).then(() => undoing.has(id) && board.undo(id)))
      wanted[member] = (wanted[member] ?? 0) + (undoing.has(id) ? 0 : by)
    }
  }
  await Promise.all(calls)
  for (const window of ['all', 'hour', 'loose']) {
    expect(await scores(board, window), window).toEqual(wanted)
  }
  await until(
    'all of it left the shortest window',
    async () => (await board.count({}, { window: 'moment' })) === 0,
  )
}, 120_000)
