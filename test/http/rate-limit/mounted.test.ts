import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { rateLimit } from '@penknife/express'
import { httpGet, raw } from '@penknife/http/testkit'
import express5 from 'express'
import express4 from 'express4'
import { expect, onTestFinished, test } from 'vitest'

import { useFeatures } from '../setup.ts'

const features = useFeatures()

/** Ways to ask for one route. */
const TARGETS = [
  '/api/search',
  '/API/Search',
  '/api/search/',
  '/api/search?q=1',
  '/api/search#part',
  '/api/%73earch',
  '/api\\search',
  '//api/search',
  'http://x/api/search',
  'HTTP://x/API/search',
  'http://ann:secret@x/api/search?q=http://y',
  'http://x/api\\search',
  'http://x//api/search',
]

test.each([
  ['Express 5', express5],
  ['Express 4', express4],
] as const)('on %s no way to write a target gets past a limit at the route', async (_name, make) => {
  const limiter = features.limiter({ rules: [{ name: 'search', limit: 10, window: '1h' }] })
  let served = 0
  const app = make()
  app.get('/api/search', rateLimit(limiter, { cost: 5 }), (_request, response) => {
    served++
    response.end()
  })
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const statuses = new Map<string, number>()
  for (const target of TARGETS) {
    const client = raw(url, httpGet(target, '1.1', 'Connection: close\r\n'))
    await client.closed
    const status = /^HTTP\/1\.1 (\d+)/.exec(client.text)?.[1] ?? 'none'
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  expect(served).toBe(2)
  expect(statuses.get('200')).toBe(2)
  // More ways than the plain one lead to the route.
  expect(statuses.get('429')).toBeGreaterThan(4)
  expect([...statuses.keys()].toSorted()).toEqual(['200', '404', '429'])
})
