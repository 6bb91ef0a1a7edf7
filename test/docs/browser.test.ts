import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { runInNewContext } from 'node:vm'

import { connect, createNotifier } from '@penknife/core'
import { notifications } from '@penknife/http'
import { EventSource } from 'eventsource'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'

import { startRedis } from '../../scripts/redis/server.ts'

const page = readFileSync(new URL('../../docs/notifications.md', import.meta.url), 'utf8')
const [, script = ''] = /```js\n(.*?)```/s.exec(page) ?? []

/** What the page's script calls, in the order in which it names them. */
const CALLS = ['show', 'showTyping', 'load', 'leave', 'offerReconnect'] as const

test("the browser's script of docs/notifications.md gets messages, types, revocations, the end and resets", async () => {
  await using redis = await startRedis()
  const penknife = connect(new Redis(redis.url, { lazyConnect: true }))
  const notifier = createNotifier(penknife.space('shop'), 'main')
  const events = notifications(notifier, { channels: ['room:1', 'room:2'], user: () => 'ann', retry: '50ms' })
  const server = createServer((request, response) => void events(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const opened: EventSource[] = []
  class Relative extends EventSource {
    constructor(path: string) {
      super(new URL(path, origin))
      opened.push(this)
    }
  }
  const calls: (readonly [name: string, value: unknown])[] = []
  let noted = (): void => {}
  const spies = CALLS.map((name) => (value: unknown) => {
    calls.push([name, value])
    noted()
  })
  const called = async (count: number): Promise<void> => {
    while (calls.length < count) await new Promise<void>((resolve) => (noted = resolve))
  }

  const names = Object.fromEntries(CALLS.map((name, at) => [name, spies[at]]))
  const run = (code: string): unknown => runInNewContext(code, { EventSource: Relative, ...names })
  run(script)
  await once(opened[0] as EventTarget, 'open')
  await notifier.publish('room:1', { text: 'hello' })
  await notifier.publish('room:2', { user: 'bob' }, { type: 'typing' })
  await called(2)
  await notifier.revoke('ann', ['room:2'])
  await called(3)
  const ended = once(opened[0] as EventTarget, 'closed')
  await notifier.revoke('ann')
  await ended
  // A position in a history that is not there.
  run(script.replace(/connect\(\)\s*$/, "connect('room%3A1=7-7-0badc0de')"))
  await called(5)
  opened[1]?.close()

  expect(calls).toEqual([
    ['show', { channel: 'room:1', data: { text: 'hello' } }],
    ['showTyping', 'bob'],
    ['leave', 'room:2'],
    ['load', 'room:1'],
    ['load', 'room:2'],
  ])
  expect(opened[0]?.readyState).toBe(EventSource.CLOSED)
  await penknife.close()
  server.closeAllConnections()
  server.close()
})
