import type { AnyNotifier, NotifierEvent, NotifierSubscription } from '@penknife/core'
import { expect, test } from 'vitest'

import { BEHIND_BYTES, Session } from './session.ts'
import type { Farewell, Transport } from './transport.ts'

// A session says in which order a client gets what; these run it over a transport that only notes it.

function message(channel: string, id: string | null, json = '1'): NotifierEvent {
  return { kind: 'message', channel, id, type: 'message', json, data: undefined }
}

/** A transport, what it was given, and the cursors that its client had. */
function recorder() {
  const said: string[] = []
  const cursors: string[] = []
  const client = { unsentBytes: 0, closed: false }
  const listeners = { drain: [] as (() => void)[], close: [] as (() => void)[] }
  function end(): void {
    client.closed = true
    for (const listener of listeners.close.splice(0)) listener()
  }
  const transport: Transport = {
    open: () => said.push('open'),
    event(event, cursor) {
      said.push(event.kind)
      if (event.id !== null) cursors.push(cursor.text())
    },
    position: (cursor) => cursors.push(cursor),
    reset(channel, cursor) {
      said.push(`reset ${channel}`)
      cursors.push(cursor)
    },
    revoked: (channel) => said.push(`revoked ${channel}`),
    keepAlive: () => said.push('keep alive'),
    async close(farewell: Farewell) {
      said.push(farewell.kind === 'closed' ? `closed ${farewell.reason} ${farewell.cursor}` : farewell.kind)
      end()
    },
    destroy: end,
    get unsentBytes() {
      return client.unsentBytes
    },
    full: false,
    flush: () => {},
    onDrain: (listener) => listeners.drain.push(listener),
    get closed() {
      return client.closed
    },
    onClose: (listener) => listeners.close.push(listener),
    groupable: false,
  }
  function drain(): void {
    client.unsentBytes = 0
    for (const listener of listeners.drain.splice(0)) listener()
  }
  return { transport, said, cursors, client, drain }
}

interface Setup {
  readonly channels: readonly string[]
  /** Where the subscription is. */
  readonly at: Readonly<Record<string, string>>
  readonly from?: ReadonlyMap<string, string>
  readonly lost?: readonly string[]
  readonly stallMs?: number
}

/** A session of a user who may follow all of these channels, and what the notifier does with it. */
async function follow({ channels, at, from = new Map(), lost = [], stallMs = 1000 }: Setup) {
  const calls: string[] = []
  const subscription: NotifierSubscription = {
    cursors: () => at,
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    leave: () => {},
    close: async () => void calls.push('close'),
    [Symbol.asyncDispose]: async () => {},
  }
  const notifier = {
    subscribe: async () => subscription,
    admit: async (user: string, { onRevoked, onEnd }: Parameters<AnyNotifier['admit']>[1]) => {
      rights.revoke = onRevoked
      rights.end = onEnd
      return { user, limit: async () => {}, close: async () => void calls.push('no connection of the user') }
    },
  }
  const rights = {} as {
    revoke: Parameters<AnyNotifier['admit']>[1]['onRevoked']
    end: Parameters<AnyNotifier['admit']>[1]['onEnd']
  }
  const settings = {
    notifier: notifier as unknown as AnyNotifier,
    stallMs,
    reconnectAfterMs: () => 2000,
    getState: undefined,
    start: 'next' as const,
    presence: undefined,
    isView: undefined,
  }
  const owner = { admission: undefined, sessionClosed: () => calls.push('over') }
  const session = new Session(settings, owner, channels)
  await session.admit('ann')
  await session.follow({ channels, refused: [], from, lost })
  return { session, calls, rights, publish: (event: NotifierEvent) => session.onEvent(event, subscription) }
}

test('no cursor moves past a lost history before its reset is written', async () => {
  const { session } = await follow({
    channels: ['a', 'b', 'c'],
    at: { a: '1-3', b: '2-8', c: '3-3' },
    from: new Map([['a', '1-3']]),
    lost: ['b', 'c'],
  })
  const { transport, cursors, said } = recorder()
  session.open(transport)
  expect(said).toEqual(['open', 'reset b', 'reset c'])
  expect(cursors).toEqual(['a=1-3', 'a=1-3&b=2-8', 'a=1-3&b=2-8&c=3-3'])
})

test('no cursor skips an event that follows it', async () => {
  const { session, publish } = await follow({
    channels: ['a', 'b', 'c'],
    at: { a: '1-3', b: '2-8', c: '3-3' },
    from: new Map([['a', '1-1']]),
  })
  publish(message('a', '1-2'))
  publish(message('b', '2-8'))
  publish(message('a', '1-3'))
  const { transport, cursors } = recorder()
  session.open(transport)
  publish(message('c', '3-4'))
  expect(cursors).toEqual([
    'a=1-1&c=3-3',
    'a=1-2&c=3-3',
    'a=1-2&c=3-3&b=2-8',
    'a=1-3&c=3-3&b=2-8',
    'a=1-3&c=3-4&b=2-8',
  ])
})

test('a nudge does not move the position', async () => {
  const { session, publish } = await follow({ channels: ['a'], at: { a: '1-2' } })
  const { transport, cursors, said } = recorder()
  session.open(transport)
  publish(message('a', null))
  publish(message('a', '1-3'))
  expect([said, cursors]).toEqual([
    ['open', 'message', 'message'],
    ['a=1-2', 'a=1-3'],
  ])
})

test('a client that is not there yet gets no more events than may wait for it', async () => {
  const { session, publish, calls } = await follow({ channels: ['a'], at: { a: '1-1' } })
  publish(message('a', '1-2', `"${'x'.repeat(BEHIND_BYTES)}"`))
  expect(calls).toEqual(['pause'])
  session.open(recorder().transport)
  expect(calls).toEqual(['pause', 'resume'])
})

test('a client that is behind pauses its subscription once, and goes on when it took everything', async () => {
  const { session, publish, calls } = await follow({ channels: ['a'], at: { a: '1-1' } })
  const { transport, client, drain } = recorder()
  session.open(transport)
  client.unsentBytes = BEHIND_BYTES + 1
  publish(message('a', '1-2'))
  publish(message('a', '1-3'))
  expect(calls).toEqual(['resume', 'pause'])
  drain()
  expect(calls).toEqual(['resume', 'pause', 'resume'])
})

test('a client that takes nothing is cut off, and nothing of it stays', async () => {
  const { session, publish, calls } = await follow({ channels: ['a'], at: { a: '1-1' }, stallMs: 1 })
  const { transport, client } = recorder()
  session.open(transport)
  client.unsentBytes = BEHIND_BYTES + 1
  publish(message('a', '1-2'))
  await expect.poll(() => calls).toEqual(['resume', 'pause', 'close', 'no connection of the user', 'over'])
})

test('revoked channels leave the cursor, and with the last one the session ends for good', async () => {
  const { session, rights, calls, publish } = await follow({
    channels: ['a', 'b'],
    at: { a: '1-1', b: '2-1' },
  })
  const { transport, said, cursors } = recorder()
  session.open(transport)
  rights.revoke(['a', 'secret'])
  publish(message('b', '2-2'))
  rights.revoke(['b'])
  expect(said).toEqual(['open', 'revoked a', 'message', 'revoked b', 'closed revoked '])
  expect(cursors).toEqual(['a=1-1&b=2-1', 'b=2-2'])
  expect(calls.slice(-1)).toEqual(['over'])
})

test.each([
  ['revoked', { kind: 'reconnect', afterMs: 2000 }],
  ['lost', { kind: 'reconnect', afterMs: 2000 }],
  ['connections', { kind: 'closed', reason: 'connections', cursor: 'a=1-1' }],
] as const)(
  'a session whose rights end (%s) before its client is there does not begin',
  async (reason, farewell) => {
    const { session, rights, calls } = await follow({
      channels: ['a'],
      at: { a: '1-2' },
      from: new Map([['a', '1-1']]),
    })
    rights.end(reason)
    expect(session.farewell).toEqual(farewell)
    const { transport, said } = recorder()
    session.open(transport)
    expect(said).toEqual([farewell.kind === 'closed' ? 'closed connections a=1-1' : 'reconnect'])
    expect(calls.slice(-1)).toEqual(['over'])
  },
)

test('a session that ends while its client is on its way is over once the client is there', async () => {
  const { session, calls } = await follow({ channels: ['a'], at: { a: '1-1' } })
  await session.end('reconnect')
  const { transport, said } = recorder()
  session.open(transport)
  expect([said, calls]).toEqual([['reconnect'], ['close', 'no connection of the user', 'over']])
})

test('only a quiet client is kept alive', async () => {
  const { session } = await follow({ channels: ['a'], at: { a: '1-1' } })
  const { transport, said, client } = recorder()
  session.keepAlive()
  session.open(transport)
  session.keepAlive()
  client.unsentBytes = 1
  session.keepAlive()
  expect(said).toEqual(['open', 'keep alive'])
})
