import { contractCases } from '@penknife/http/testkit'
import { describe, test } from 'vitest'

import { frameworks } from './frameworks.ts'
import { http2, inProcess } from './gateways.ts'

/** One framework of each kind in a process: the others differ only in their adapter, which has no part in it. */
const inside = frameworks.flatMap((framework) => {
  if (framework.name === 'Koa 3' || framework.name === 'Fastify')
    return [inProcess(framework, 'light-my-request')]
  return /Express 5|Hono/.test(framework.name) ? [inProcess(framework, 'serverless-http')] : []
})

describe.each([...frameworks, http2, ...inside])('$name fulfils the contract of adapters:', (adapter) => {
  test.for(contractCases.filter(({ applies }) => applies(adapter)))('$name', ({ run }) => run(adapter))
})
