/** Serves notifications with `?user=` and `?channel=`, two connections for each user: until it is killed. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { connect, createNotifier } from '@penknife/core'
import { notifications } from '@penknife/http'

import { pattern } from '../../../scripts/redis/clients.ts'

const penknife = connect(pattern(process.env['REDIS'] as string))
const notifier = createNotifier(penknife.space('test'), 'main')
const events = notifications(notifier, {
  channels: ({ query }) => query.getAll('channel'),
  user: ({ query }) => query.get('user') ?? undefined,
  perUser: 2,
  retry: 20,
})

const server = createServer((request, response) => void events(request, response))
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', () => {
  server.close()
  void penknife.close()
})
