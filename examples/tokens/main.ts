/**
 * The answer of a language model, token by token, in a page that may be reloaded: `pnpm example tokens`, then open the URL.
 * The model is a fake: it repeats the question, one word at a time.
 */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { Redis } from 'ioredis'

import { connect, createStream } from '@penknife/core'
import { accept, HttpError } from '@penknife/http'
import { acceptSockets } from '@penknife/http/websocket'

import { redisUrl } from '../redis.ts'
import { PAGE } from './page.ts'

async function* fakeModel(question: string, signal: AbortSignal): AsyncGenerator<string> {
  for (const word of `I am no model, I only repeat: ${question}`.split(/(?<= )/)) {
    await delay(Number(process.env['TOKEN_MS'] ?? 200), undefined, { signal })
    yield word
  }
}

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const answers = createStream<string>(penknife.space('chat'), 'answers', { groups: ['model'] })
answers.worker('model', async ({ payload, write, signal }) => {
  for await (const token of fakeModel(payload, signal)) await write(token)
})

const path = '/answers'
const secret = process.env['ANSWERS_SECRET'] ?? randomBytes(32).toString('hex')
const jobs = accept(answers, {
  path,
  secret,
  payload(_exchange, body) {
    if (typeof body !== 'string' || body === '') throw new HttpError(422, 'Ask a question.')
    return body.slice(0, 1000)
  },
})

const server = createServer((request, response) => {
  jobs(request, response).then(
    (continues) => continues && response.setHeader('Content-Type', 'text/html').end(PAGE),
    () => response.writeHead(500).end(),
  )
})
// The same events for clients that prefer a WebSocket: `follow` of @penknife/client.
acceptSockets(answers, { path, secret }).attach(server)
server.listen(Number(process.env['PORT'] ?? 3003), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as { port: number }).port}`)
})
