import { idempotent as forNode } from '@penknife/http'
import { call } from '@penknife/http/testkit'
import { expect, test } from 'vitest'

import { until } from '../../support/until.ts'
import { warningsOf } from '../../support/warnings.ts'
import { useFeatures } from '../setup.ts'
import { KEY } from './kit.ts'
import { listen, nodeApp, post, tenant } from './native.ts'

const features = useFeatures()

test('a forgetOnFailure that fails stores the response, and is said once', async () => {
  const heard = warningsOf('PENKNIFE_CALLBACK')
  let runs = 0
  const once = forNode(features.space, {
    tenant,
    forgetOnFailure: () => {
      throw new Error('on purpose')
    },
  })
  const url = await listen(
    nodeApp(
      features.space,
      (_request, response) => {
        runs++
        response.writeHead(500).end('x')
      },
      once,
    ),
  )
  await post(url)
  await post(url)
  expect(runs).toBe(1)
  await until('it is said', () => heard.some((text) => text.includes('forgetOnFailure')))
})

test('a fingerprint of its own lets bodies differ, and its text may be long', async () => {
  const url = await listen(
    nodeApp(
      features.space,
      (_request, response) => response.end('paid'),
      forNode(features.space, { tenant, fingerprint: (_exchange, body) => String(body.length).repeat(1000) }),
    ),
  )
  await post(url)
  const same = await call(`${url}/orders`, {
    method: 'POST',
    body: '123456789',
    headers: { 'Idempotency-Key': KEY },
  })
  expect(same.headers['idempotent-replayed']).toBe('true')
  const other = await call(`${url}/orders`, {
    method: 'POST',
    body: '1',
    headers: { 'Idempotency-Key': KEY },
  })
  expect(other.status).toBe(422)
})
