import { expect, test } from 'vitest'

import { Connection } from './connection.ts'

test('a client that leaves while its rights are looked up leaves nothing behind', async () => {
  const made: string[] = []
  const connection = new Connection({
    settings: {
      notifier: { subscribe: async () => expect.fail('it subscribed') } as never,
      stallMs: 1000,
      reconnectAfterMs: () => 2000,
      getState: undefined,
      start: 'next',
      presence: undefined,
      isView: undefined,
    },
    clients: { add: () => {}, remove: () => {}, closed: false, close: async () => {} },
    mostChannels: 10,
    fanOutOf: (channel) => void made.push(channel),
    report: (fault) => expect.fail(String(fault)),
  })
  const joined = connection.join(new Map([['a', undefined]]), async (channels) => {
    connection.close()
    return channels
  })
  expect([...(await joined)]).toEqual([['a', 'unavailable']])
  expect(made).toEqual([])
})
