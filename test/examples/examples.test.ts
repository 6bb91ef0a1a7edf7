import { readFileSync } from 'node:fs'

import { follow as followEntry, type WebSocketClass } from '@penknife/client'
import { beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'

import { bundledProgram, runProgram } from '../support/program.ts'
import { until } from '../support/until.ts'

const at = (name: string): string => new URL(`../../examples/${name}/main.ts`, import.meta.url).pathname

test.each([
  'express',
  'ingest',
  'instant',
  'koa',
  'nudges',
  'quota',
  'report',
  'standalone',
  'threads',
  'tickets',
  'tokens',
  'traffic',
  'trial',
])('examples/%s fits on a screen', (name) => {
  expect(readFileSync(at(name), 'utf8').split('\n').length).toBeLessThan(60)
})

const ENDING = ['standalone', 'tickets', 'ingest', 'instant', 'quota', 'report', 'trial', 'threads'] as const
let printed: Promise<string>

beforeAll(() => {
  const paths = ENDING.map((name) => bundledProgram(`example-${name}`))
  printed = runProgram(bundledProgram('examples'), {}, paths).ended.then(({ output }) => output)
})

/** What an example printed until it ended by itself, with success. */
async function outputOf(name: (typeof ENDING)[number]): Promise<string> {
  const [, output] = (await printed).split(`begin example-${name}\n`)
  const [own = '', code] = (output ?? '').split(/^end (.*)\n/m)
  expect(code, await printed).toBe('0')
  return own
}

test('the standalone example limits, handles, ranks and notifies, and ends by itself', async () => {
  const output = await outputOf('standalone')
  expect(output).toMatch(/bob has to wait \d+ s/)
  expect(output).toContain('notified: ann has 4 points')
  expect(output).toMatch(/'ann'.+4.+1/)
})

test('the nudges example drops from one process’s cache what another one changed', async () => {
  const { code, output } = await runProgram(bundledProgram('example-nudges')).ended
  expect(code, output).toBe(0)
  expect(output.match(/^(one|two): .*$/gm)).toEqual([
    'one: tea costs 10 (from the database)',
    'one: tea costs 10 (from the cache)',
    'two: tea costs 10 (from the database)',
    'two: tea has a new price',
    'one: tea costs 12 (from the database)',
  ])
})

test('the tickets example sells two seats once each, and gives back an abandoned one', async () => {
  const output = await outputOf('tickets')
  expect(output.match(/^(ann|bob|cem|sold).*$/gm)).toEqual([
    'ann: committed, receipt of ann',
    'bob: reserved, and left',
    'cem: sold out',
    'ann: committed before, receipt of ann',
    'cem: committed, receipt of cem',
    'sold to ann and cem, 0 left',
  ])
})

test.each<[(typeof ENDING)[number], string[]]>([
  ['ingest', ['200 new of 300', 'ranking and stream agree']],
  [
    'instant',
    [
      'shown at once: are you there?, hello',
      'mailed: bob: are you there?, bob: hello',
      'unread: 2, 3 attempts',
    ],
  ],
  [
    'quota',
    [
      'queued, 2 calls and 60 credits left',
      'queued before, 2 calls and 60 credits left',
      "floor of counters 'credits'",
      'queued, 1 calls and 20 credits left',
      'queued, 2 calls and 0 credits left',
      'queued, 0 calls and 90 credits left',
      "ceiling of counters 'calls' and floor of counters 'credits'",
      '4 jobs',
    ],
  ],
])('the %s example changes everything of a call, or nothing', async (name, lines) => {
  const output = await outputOf(name)
  expect(
    output
      .trim()
      .split('\n')
      .filter((line) => !line.includes('Warning')),
  ).toEqual(lines)
})

test('the report example accepts a report, reports its progress and has its result', async () => {
  const output = await outputOf('report')
  const lines = output.match(/^(202|\[).*$/gm) ?? []
  expect(lines[0]).toBe('202 /reports/…')
  expect(lines).toContain('["running",{"percent":50},null]')
  expect(lines.at(-1)).toBe('["done",{"percent":75},{"pages":26}]')
})

test('the tokens example streams an answer, and a page that was cut off goes on where it was', async () => {
  await using program = runProgram(bundledProgram('example-tokens'), { PORT: '0', TOKEN_MS: '20' })
  const url = await program.printed(/http:\/\/127\.0\.0\.1:\d+/)
  expect(await (await fetch(url)).text()).toContain('EventSource')
  const headers = { 'Content-Type': 'application/json' }
  const accepted = await fetch(`${url}/answers`, { method: 'POST', headers, body: '"who are you?"' })
  const address = `${url}${accepted.headers.get('location')}`
  let text = ''
  let lastId = ''
  /** Reads events until `count` parts arrived, or the end. */
  async function follow(count: number): Promise<void> {
    const { body } = await fetch(address, {
      headers: { Accept: 'text/event-stream', 'Last-Event-ID': lastId },
    })
    let rest = ''
    let parts = 0
    for await (const chunk of body ?? []) {
      const blocks = (rest + Buffer.from(chunk as Uint8Array).toString()).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const [, id, json] = /^id: (.*)\nevent: output\ndata: (.*)$/.exec(block) ?? []
        if (json === undefined || parts === count) continue
        text += (JSON.parse(json) as { text: string }).text
        lastId = id ?? ''
        parts += 1
      }
      if (parts === count) return
    }
  }
  await follow(2)
  expect(text).not.toContain('who are you?')
  await follow(Infinity)
  expect(text).toBe('I am no model, I only repeat: who are you?')

  let overSocket = ''
  await new Promise((resolve) => {
    followEntry(address, {
      WebSocket: WebSocket as unknown as WebSocketClass,
      onOutput: (part) => (overSocket += part),
      onEnd: resolve,
    })
  })
  expect(overSocket).toBe(text)
})

test.each(['express', 'koa'])('the %s example limits, logs, ranks and notifies', async (name) => {
  await using program = runProgram(bundledProgram(`example-${name}`), { PORT: '0' })
  const url = await program.printed(/http:\/\/127\.0\.0\.1:\d+/)

  const events = await fetch(`${url}/events`)
  const first = await fetch(url)
  expect(first.status).toBe(200)
  expect(first.headers.get('ratelimit')).toMatch(/"burst";r=4/)
  let seen = ''
  for await (const chunk of events.body ?? []) {
    seen += Buffer.from(chunk as Uint8Array).toString()
    if (seen.includes('hello')) break
  }
  expect(seen).toContain('"channel":"visits"')

  for (let n = 2; n <= 5; n++) expect((await fetch(url)).status).toBe(200)
  const limited = await fetch(url)
  expect(limited.status).toBe(429)
  expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0)

  const top = (await (await fetch(`${url}/visitors/top`)).json()) as { rows: { score: number }[] }
  expect(top.rows).toMatchObject([{ score: 5, rank: 1 }])
  await until('the denial is logged', async () => {
    const log = (await (await fetch(`${url}/requests`)).json()) as {
      payload: { path: string; status: number }
    }[]
    return log.some(({ payload }) => payload.path === '/' && payload.status === 429)
  })
})

test('the traffic example ranks routes and callers, alerts once when requests fail, and shows a live tail', async () => {
  await using program = runProgram(bundledProgram('example-traffic'), { PORT: '0' })
  const url = await program.printed(/http:\/\/127\.0\.0\.1:\d+/)
  const live = await fetch(`${url}/live`)
  for (let nth = 0; nth < 8; nth++) expect((await fetch(`${url}/items/${nth}`)).status).toBe(200)
  for (let nth = 0; nth < 6; nth++) expect((await fetch(`${url}/items/broken`)).status).toBe(500)
  let seen = ''
  for await (const chunk of live.body ?? []) {
    seen += Buffer.from(chunk as Uint8Array).toString()
    if (seen.includes('"channel":"alerts"') && seen.includes('"channel":"tail"')) break
  }
  expect(seen).toMatch(/\d of 1\d requests failed/)
  await until('all are counted', async () => {
    const { rows } = (await (await fetch(`${url}/busiest/top`)).json()) as {
      rows: { member: string; score: number }[]
    }
    return rows[0]?.member === '/items/:id' && rows[0].score === 14
  })
  const callers = (await (await fetch(`${url}/callers/top`)).json()) as { rows: object[] }
  expect(callers.rows).toMatchObject([{ member: '127.0.0.1', score: 14 }])
})

test('the trial example says who would have been limited, and when', async () => {
  const output = await outputOf('trial')
  expect(output).toMatch(/ann: 4 of 12 requests would have been limited, first at \d{4}-/)
  expect(output).toContain('bob: 0 of 1 requests would have been limited')
})

test('the threads example counts, answers timers meanwhile, and cancels', async () => {
  const output = await outputOf('threads')
  expect(output.trim().split('\n')).toEqual([
    '5133 primes',
    '9592 primes',
    '13848 primes',
    'the event loop was free',
    'cancelled',
  ])
})
