import type { Exchange, RateLimitOptions } from '@penknife/http'
import { headersFor } from '@penknife/http'
import { rateLimitPlugin } from '@penknife/http/adapter'
import { call } from '@penknife/http/testkit'
import { expect, test } from 'vitest'

import { until } from '../../support/until.ts'
import { warningsOf } from '../../support/warnings.ts'
import { frameworks } from '../frameworks.ts'
import { start, useFeatures } from '../setup.ts'

const features = useFeatures()
// No adapter has a part in what is tested here.
const [adapter] = frameworks as [(typeof frameworks)[number]]
const failed = warningsOf('PENKNIFE_CALLBACK')

async function serve(options: RateLimitOptions) {
  const server = await start(adapter, [rateLimitPlugin.setup(features.limiter(), options)])
  const get = (headers: Record<string, string> = {}) => call(`${server.url}/items/7`, { headers })
  return { server, get }
}

test('allow and deny may be functions of the request: the deny list is first, and neither costs a Redis command', async () => {
  const has = (header: string) => (exchange: Exchange) => exchange.header(header) !== undefined
  const { get } = await serve({ deny: async (exchange) => has('x-bad')(exchange), allow: has('x-friend') })
  await get()
  await features.raw.config('RESETSTAT')
  const answers = await Promise.all([get({ 'x-bad': '1', 'x-friend': '1' }), get({ 'x-friend': '1' })])
  expect(answers.map(({ status, headers }) => [status, headers['ratelimit']])).toEqual([
    [403, undefined],
    [200, undefined],
  ])
  expect(await features.raw.info('commandstats')).not.toContain('cmdstat_evalsha')
  expect((await get()).headers['ratelimit']).toMatch(/r=1/)
})

test('a deny function that decides nothing, or fails, lets no request pass', async () => {
  const answers: unknown[] = [undefined, 'yes', new Error('on purpose')]
  const { server, get } = await serve({
    deny: () => {
      const answer = answers.shift()
      if (answer instanceof Error) throw answer
      return answer as boolean
    },
  })
  expect([(await get()).status, (await get()).status, (await get()).status]).toEqual([500, 500, 500])
  expect(server.errors.map(String)).toEqual([
    expect.stringContaining('the answer of rateLimit deny is undefined: return true or false'),
    expect.stringContaining('the answer of rateLimit deny is "yes"'),
    'Error: on purpose',
  ])
})

test('onReached is called by the request that takes the last token, not by those before or after it', async () => {
  const reached: [string, number][] = []
  const { get } = await serve({
    onReached: ({ path }, { allowed, remaining }) => void reached.push([`${path} ${allowed}`, remaining]),
  })
  const statuses = []
  for (let nth = 0; nth < 5; nth++) statuses.push((await get()).status)
  expect(statuses).toEqual([200, 200, 200, 429, 429])
  expect(reached).toEqual([['/items/7 true', 0]])
})

test('an onReached that fails is reported once, and fails no request', async () => {
  const before = failed.length
  const { server, get } = await serve({ cost: 3, onReached: () => Promise.reject(new Error('on purpose')) })
  expect((await get()).status).toBe(200)
  await until('it is reported', () => failed.length > before)
  expect(failed.at(-1)).toMatch(/onReached of rateLimit failed \(reported once\): on purpose/)
  expect(server.errors).toEqual([])
})

test('a policy has the partition key of its subject when it is asked for: the same for the same subject', async () => {
  const { get } = await serve({ key: ({ headers }) => String(headers['x-key']), partitionKey: true })
  const policyOf = async (key: string) => (await get({ 'x-key': key })).headers['ratelimit-policy']
  const [ann, again, ben] = [await policyOf('ann'), await policyOf('ann'), await policyOf('ben')]
  expect(ann).toMatch(/^"burst";q=3;w=3600;pk=:[\w+/]{16}:$/)
  expect([again === ann, ben === ann]).toEqual([true, false])
  const decision = await features.limiter().take('ann')
  expect(headersFor(decision, { partitionKey: true, subject: 'ann' })['RateLimit-Policy']).toBe(ann)
})

test('legacy fields may have other names', async () => {
  const legacyNames = { remaining: 'X-Rate-Limit-Left', limit: 'X-Rate-Limit' }
  const { get } = await serve({ headers: 'legacy', legacyNames })
  const { headers } = await get()
  expect([headers['x-rate-limit-left'], headers['x-rate-limit']]).toEqual(['2', '3'])
  expect(Object.keys(headers).filter((name) => name.startsWith('x-ratelimit'))).toEqual(['x-ratelimit-reset'])
})

test.each<[string, object, RegExp]>([
  ['partitionKey', { partitionKey: true, draft: 7 }, /partitionKey is true: leave it out/],
  ['partitionKey', { partitionKey: true, headers: 'legacy' }, /partitionKey is true: leave it out/],
  ['partitionKey', { partitionKey: 'yes' }, /partitionKey is "yes": give true or false/],
  ['legacyNames', { legacyNames: { limit: 'X-L' } }, /legacyNames is an object: give headers: 'legacy'/],
  ['legacyNames', { headers: 'both', legacyNames: { limit: 'a b' } }, /legacyNames.limit is "a b"/],
  ['legacyNames', { headers: 'both', legacyNames: { limits: 'x' } }, /did you mean 'limit'/],
  ['onReached', { onReached: 1 }, /rateLimit onReached is 1: give a function/],
])('a wrong %s is refused at set-up: %j', (_name, options, message) => {
  expect(() => rateLimitPlugin.setup(features.limiter(), options)).toThrow(message)
})
