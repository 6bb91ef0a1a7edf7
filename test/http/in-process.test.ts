import type { RequestListener, ServerResponse } from 'node:http'

import { type Finish, type Handler, PASS } from '@penknife/http'
import { rateLimitPlugin } from '@penknife/http/adapter'
import { inject } from 'light-my-request'
import serverless from 'serverless-http'
import { describe, expect, test } from 'vitest'

import { until } from '../support/until.ts'
import { frameworks } from './frameworks.ts'
import { useFeatures } from './setup.ts'

const features = useFeatures()

/** A response of light-my-request is of a class of its own, which Express exchanges for its own. */
const own = frameworks.filter(({ name }) => !name.startsWith('Express'))

interface Answered {
  readonly statusCode: number
  readonly body: string
}

type Ask = (listener: RequestListener, path: string) => Promise<Answered>

const injected: Ask = (listener, path) => inject(listener, { url: path, remoteAddress: '192.0.2.7' })

/** What answers requests without a server: a response there has a socket that is none. */
const servers = [
  { server: 'light-my-request', ask: injected, used: own },
  { server: 'serverless-http', ask: invoked, used: frameworks },
]

async function invoked(listener: RequestListener, path: string): Promise<Answered> {
  const event = {
    httpMethod: 'GET',
    path,
    headers: { host: 'x' },
    requestContext: { identity: { sourceIp: '192.0.2.7' } },
  }
  return (await serverless(listener)(event, {})) as Answered
}

describe.each(servers)('in a process, under $server,', ({ ask, used }) => {
  test.each(used)('a request that was answered on $name was not aborted', async ({ listener }) => {
    const finishes: Finish[] = []
    const watch: Handler = (exchange) => {
      exchange.onFinish((finish) => finishes.push(finish))
      if (exchange.path !== '/reply') return PASS
      return { status: 201, body: 'a reply' }
    }
    const errors: unknown[] = []
    const app = listener([watch], {}, errors)
    expect(await ask(app, '/reply')).toMatchObject({ statusCode: 201, body: 'a reply' })
    expect(await ask(app, '/items/7')).toMatchObject({ statusCode: 200, body: '{"id":"7"}' })
    await until('both finished', () => finishes.length === 2)
    expect(finishes.map(({ status, aborted, bytesOut }) => [status, aborted, bytesOut])).toEqual([
      [201, false, 7],
      [200, false, 10],
    ])
    expect(errors).toEqual([])
  })

  test.each(used)(
    'a late check whether a request ended on $name gets the same result',
    async ({ listener }) => {
      const late: ((listen: (finish: Finish) => void) => void)[] = []
      const watch: Handler = (exchange) => {
        late.push((listen) => exchange.onFinish(listen))
        return PASS
      }
      await ask(listener([watch], {}, []), '/items/7')
      const finishes: Finish[] = []
      late[0]?.((finish) => finishes.push(finish))
      await until('it finished', () => finishes.length === 1)
      expect(finishes[0]).toMatchObject({ status: 200, aborted: false })
    },
  )

  test.each(used)('a guard that refunds aborted requests works on $name', async ({ listener }) => {
    const limiter = features.limiter({
      rules: [
        { name: 'burst', limit: 3, window: '1h' },
        { name: 'slots', algorithm: 'concurrency', limit: 1, lease: '1m' },
      ],
    })
    const limit = rateLimitPlugin.setup(limiter, { refundIf: ({ aborted }) => aborted })
    const app = listener([limit], {}, [])
    for (const status of [200, 200, 200, 429]) {
      expect((await ask(app, '/items/7')).statusCode).toBe(status)
      const left = async () => limiter.take('192.0.2.7', { cost: 0 })
      await until(
        'the slot is free',
        async () => (await left()).rules.find(({ name }) => name === 'slots')?.remaining === 1,
      )
    }
  })
})

test.each(own.filter(({ knowsConnections = true }) => knowsConnections))(
  'a request that its in-process server abandons on $name was aborted',
  async ({ listener }) => {
    const finishes: Finish[] = []
    const broken: Handler = (exchange) => {
      exchange.onFinish((finish) => finishes.push(finish))
      const aborted = exchange.signal
      const response = exchange.response as ServerResponse
      response.destroy()
      return new Promise((resolve) => aborted.addEventListener('abort', () => resolve(PASS)))
    }
    const asked = injected(listener([broken], {}, []), '/items/7')
    await expect(asked).rejects.toThrow('destroyed before completion')
    await until('it finished', () => finishes.length === 1)
    expect(finishes[0]).toMatchObject({ status: 499, aborted: true })
  },
)
