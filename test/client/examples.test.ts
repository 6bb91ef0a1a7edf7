import { readFileSync } from 'node:fs'

import { connect } from '@penknife/client'
import { live as liveView } from '@penknife/core'
import { EventSource } from 'eventsource'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'

import { useFeatures } from '../http/setup.ts'
import { until } from '../support/until.ts'
import { serveLive } from './server.ts'

const features = useFeatures()
const page = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8')
const [quickStart = '', view = '', react = '', htmx = ''] = [...page.matchAll(/```js\n(.*?)```/gs)].map(
  ([, code = '']) => code.replaceAll(/^import .*\n/gm, '').replaceAll('export ', ''),
)

/** Runs an example with these names, and returns the value of an expression. */
function run(code: string, names: Record<string, unknown>, result: string): unknown {
  // oxlint-disable-next-line no-implied-eval, no-new-func
  const program = new Function(...Object.keys(names), `${code}\nreturn ${result}`)
  return (program as (...values: unknown[]) => unknown)(...Object.values(names))
}

test('the page of docs/notifications.md shows events with an EventSource, and loads again what was cleared', async () => {
  const notifier = features.notifier({ name: 'page' })
  const server = await serveLive(() => notifier)
  const text = readFileSync(new URL('../../docs/notifications.md', import.meta.url), 'utf8')
  const code = /The page:\n\n```js\n(.*?)```/s.exec(text)?.[1] ?? ''
  const calls: unknown[][] = []
  const sources: EventSource[] = []
  onTestFinished(() => sources.forEach((source) => source.close()))
  /** At the server of this test, with its channels. */
  function Source(path: string): EventSource {
    const source = new EventSource(`${server.url}${path}${path.includes('?') ? '&' : '?'}channel=room:1`)
    sources.push(source)
    return source
  }
  const names = ['show', 'showTyping', 'load', 'leave', 'offerReconnect']
  const noted = names.map((name) => [name, (...args: unknown[]) => calls.push([name, ...args])] as const)
  run(code, { EventSource: Source, ...Object.fromEntries(noted) }, '0')
  await until('it follows', async () => {
    await notifier.publish('room:1', { text: 'hello' })
    return calls.length > 0
  })
  await notifier.publish('room:1', { user: 'ann' }, { type: 'typing' })
  await notifier.clear('room:1')
  await until('it loads', () => calls.some(([name]) => name === 'load'))
  expect(calls).toContainEqual(['show', { channel: 'room:1', data: { text: 'hello' } }])
  expect(calls.slice(-2)).toEqual([
    ['showTyping', 'ann'],
    ['load', 'room:1'],
  ])
})

test('the page of docs/notifications.md that joins a channel by a second request misses and repeats nothing', async () => {
  const notifier = features.notifier({ name: 'joining' })
  const server = await serveLive(() => notifier, { getState: () => 'state' })
  const text = readFileSync(new URL('../../docs/notifications.md', import.meta.url), 'utf8')
  const code = /while connected\n.*?```js\n(.*?)```/s.exec(text)?.[1] ?? ''
  const shown: unknown[] = []
  const sources: EventSource[] = []
  onTestFinished(() => sources.forEach((source) => source.close()))
  function Source(path: string): EventSource {
    const source = new EventSource(server.url + path)
    sources.push(source)
    return source
  }
  const show = ({ channel, data }: { channel: string; data: unknown }): number => shown.push([channel, data])
  const follow = run(code, { EventSource: Source, show }, 'follow') as (channels: readonly string[]) => void
  let published = 0
  await until('it follows', async () => {
    await notifier.publish('room:1', published++)
    return shown.length > 0
  })
  const first = (shown[0] as [string, number])[1]
  for (const channels of [['room:1', 'room:2'], ['room:1'], ['room:1', 'room:2']]) {
    follow(channels)
    for (let nth = 0; nth < 5; nth++) await notifier.publish('room:1', published++)
    await until('it has all', () => shown.some((one) => (one as unknown[])[1] === published - 1))
  }
  await until('it follows the second', async () => {
    await notifier.publish('room:2', 'two')
    return shown.some((one) => (one as string[])[0] === 'room:2')
  })
  const numbers = shown.filter((one) => (one as string[])[0] === 'room:1').map((one) => (one as number[])[1])
  expect(numbers).toEqual(Array.from({ length: published - first }, (_, at) => first + at))
})

test('the examples of docs/client.md run: a page, a hook of React, and htmx', async () => {
  const notifier = features.notifier({ name: 'examples' })
  const board = features.leaderboard()
  await board.increment('ann')
  const server = await serveLive(() => notifier, { views: { top: liveView(board, { top: 10 }) } })
  const calls: unknown[] = []
  const note =
    (name: string) =>
    (...args: unknown[]): number =>
      calls.push([name, ...args])
  const opened: { close(): void }[] = []
  onTestFinished(() => opened.forEach((live) => live.close()))
  const open = (path: string, options: { sse: string }): ReturnType<typeof connect> => {
    const live = connect(server.url + path, { sse: server.url + options.sse, WebSocket })
    opened.push(live)
    return live
  }
  const orders = run(
    quickStart,
    { connect: open, show: note('show'), load: note('load'), showStatus: note('status') },
    'orders',
  ) as { position?: string }
  run(view, { connect: open, showBoard: note('board') }, '0')
  const hook = run(
    react,
    {
      useState: () => [[], (set: (before: unknown[]) => unknown) => note('events')(set([]))],
      useEffect: (effect: () => () => void) => onTestFinished(effect()),
    },
    'useChannel',
  ) as (live: unknown, channel: string) => unknown
  const live = open('/live', { sse: '/events' })
  expect(hook(live, 'room:1')).toEqual([])
  const element = { dataset: { channel: 'room:1' } }
  run(
    htmx,
    {
      connect: open,
      document: { querySelectorAll: () => [element] },
      htmx: { swap: (...args: unknown[]) => note('swap')(...args) },
    },
    '0',
  )
  await until('all are connected', () => orders.position !== undefined)
  await until('all follow', async () => {
    await notifier.publish('room:1', '<li>one</li>')
    return ['events', 'swap'].every((name) => calls.some((call) => (call as string[])[0] === name))
  })
  await notifier.publish('orders:7', { total: 3 })
  await until('it is shown', () => calls.some((call) => (call as string[])[0] === 'show'))
  expect(calls).toContainEqual(['show', 'message', { total: 3 }])
  await until('the board', () => calls.some((call) => (call as string[])[0] === 'board'))
  expect(calls).toContainEqual(['board', [{ member: 'ann', score: 1, rank: 1 }]])
  expect(calls).toContainEqual(['swap', element, '<li>one</li>', { swapStyle: 'beforeend' }])
  expect(calls).toContainEqual(['status', 'open'])
})
