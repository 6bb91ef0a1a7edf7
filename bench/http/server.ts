import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { RateLimiter, Space } from '@penknife/core'

import { pattern } from '../harness/connections.ts'
import { coreOf } from '../harness/library.ts'
import type { LogTask } from './logs.ts'
import type { ServerTask } from './served.ts'

/** What a process of a framework's server shares with the others: its task, penknife's objects, and how it reports. */
export const task = JSON.parse(process.argv[2] as string) as ServerTask & LogTask

export async function limiterOf({ library, url, limit, windowMs }: ServerTask): Promise<RateLimiter> {
  const { connect, createRateLimiter } = await coreOf(library)
  return createRateLimiter(connect(pattern(url, library)).space('bench'), 'http', {
    rules: [{ name: 'day', limit, window: windowMs }],
    whenUnavailable: 'throw',
    // Redis answers every request, as for the peers.
    denyCache: false,
    deadline: '5s',
  })
}

export async function spaceOf({ library, url }: LogTask): Promise<Space> {
  const { connect } = await coreOf(library)
  return connect(pattern(url, library)).space('bench')
}

/** Sends the port as soon as the server listens, and on request the CPU time of this process. */
export function listening(server: Server, file = ''): void {
  const send = (): unknown => process.send?.((server.address() as AddressInfo).port)
  if (server.listening) send()
  else server.once('listening', send)
  process.on('message', (asked) => {
    if (asked === 'report') {
      process.send?.({ file, rssMb: process.memoryUsage().rss / (1 << 20) })
      return
    }
    const { user, system } = process.cpuUsage()
    process.send?.(user + system)
  })
  process.on('disconnect', () => process.exit())
}
