import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { runProgram } from '../support/program.ts'

const at = (name: string): string => new URL(`../../examples/${name}/main.ts`, import.meta.url).pathname

test.each(['express', 'koa', 'nudges', 'standalone', 'tickets'])('examples/%s fits on a screen', (name) => {
  expect(readFileSync(at(name), 'utf8').split('\n').length).toBeLessThan(60)
})

test('the standalone example limits, handles, ranks and notifies, and ends by itself', async () => {
  const program = runProgram(at('standalone'))
  const { code, output } = await program.ended
  expect(code, output).toBe(0)
  expect(output).toMatch(/bob has to wait \d+ s/)
  expect(output).toContain('notified: ann has 4 points')
  expect(output).toMatch(/'ann'.+4.+1/)
})

test('the nudges example drops from one process’s cache what another one changed', async () => {
  const { code, output } = await runProgram(at('nudges')).ended
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
  const { code, output } = await runProgram(at('tickets')).ended
  expect(code, output).toBe(0)
  expect(output.match(/^(ann|bob|cem|sold).*$/gm)).toEqual([
    'ann: committed, receipt of ann',
    'bob: reserved, and left',
    'cem: sold out',
    'ann: committed before, receipt of ann',
    'cem: committed, receipt of cem',
    'sold to ann and cem, 0 left',
  ])
})

test.each(['express', 'koa'])('the %s example limits, logs, ranks and notifies', async (name) => {
  await using program = runProgram(at(name), { PORT: '0' })
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

  const log = (await (await fetch(`${url}/requests`)).json()) as {
    payload: { path: string; status: number }
  }[]
  const top = (await (await fetch(`${url}/visitors/top`)).json()) as { rows: { score: number }[] }
  expect(top.rows).toMatchObject([{ score: 5, rank: 1 }])
  expect(log.some(({ payload }) => payload.path === '/' && payload.status === 429)).toBe(true)
})
