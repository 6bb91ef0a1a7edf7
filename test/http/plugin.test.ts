import { adapt, type Answer, definePlugin, type Handler, PASS } from '@penknife/http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createServer } from 'node:http'
import supertest from 'supertest'

import { deferred } from '../support/deferred.ts'

/** A server of one middleware, which answers with 500 and the error's message if the middleware rejects. */
function serve(setup: () => Handler | Promise<Handler>) {
  const check = adapt(definePlugin({ name: 'mine', setup }))()
  const server = createServer((request, response) => {
    check(request, response).then(
      (continues) => continues && response.end('handled'),
      (error: unknown) => {
        response.statusCode = 500
        response.end(String(error))
      },
    )
  })
  return { check, get: () => supertest(server).get('/') }
}

function warnings() {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  return () => warn.mock.calls.map(([text]) => String(text).split('\n')[0])
}

test('requests wait for an async setup', async () => {
  const ready = deferred<Handler>()
  const { get } = serve(() => ready.promise)
  const first = get().then(({ text }) => text)
  ready.resolve(() => PASS)
  expect(await first).toBe('handled')
  expect((await get()).text).toBe('handled')
})

test('a setup that rejects is reported once, and every request fails with its error', async () => {
  const reported = warnings()
  const { check, get } = serve(async () => {
    throw new Error('no such table')
  })
  for (const { status, text } of [await get(), await get()])
    expect([status, text]).toEqual([500, 'Error: no such table'])
  await check.close()
  expect(reported()).toEqual([
    "setup of the plugin 'mine' failed, and so do its requests: Error: no such table",
  ])
})

test('a setup that returns no function is refused: at once, or for each request if it is async', async () => {
  warnings()
  const message = /the result of setup of the plugin 'mine' is 5: return a function of the exchange/
  expect(() => serve(() => 5 as never)).toThrow(message)
  const { get } = serve(async () => 5 as never)
  expect((await get()).text).toMatch(message)
})

test('close ends a handler once its setup is done, and never rejects', async () => {
  const reported = warnings()
  const deadlines: number[] = []
  const handler: Handler = () => PASS
  handler.close = async (deadlineMs) => {
    deadlines.push(deadlineMs)
    throw new Error('busy')
  }
  const { check } = serve(async () => handler)
  await check.close({ deadline: '3s' })
  await check[Symbol.asyncDispose]()
  expect(deadlines).toEqual([3000, 10_000])
  expect(reported()).toEqual([
    "close of the plugin 'mine' failed: Error: busy",
    "close of the plugin 'mine' failed: Error: busy",
  ])
  expect(() => check.close({ deadlne: '3s' } as never)).toThrow(/did you mean 'deadline'/)
})

test('close resolves at its deadline, whatever the handler does', async () => {
  const handler: Handler = () => PASS
  handler.close = () => new Promise(() => {})
  const { check } = serve(() => handler)
  await check.close({ deadline: 20 })
})

test.each([
  [
    'headers',
    { status: 200, headers: Promise.resolve({}) },
    /the headers in the answer of the plugin 'mine'/,
  ],
  ['a body', { status: 200, body: Promise.resolve('') }, /the body in the answer of the plugin 'mine'/],
  [
    'endless',
    { status: 200, stream: () => {}, endless: Promise.resolve(false) },
    /endless in the answer of the plugin 'mine'/,
  ],
])('%s of an answer that would be a promise is refused', async (_, answer, message) => {
  const { get } = serve(() => () => answer as unknown as Answer)
  expect((await get()).text).toMatch(message)
})
