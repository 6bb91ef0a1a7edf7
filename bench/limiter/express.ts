import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { Pool } from 'undici'

import type { Contender, Peer } from '../harness/bench.ts'
import type { Library } from '../harness/library.ts'
import { type Setup, SETUPS } from '../harness/connections.ts'
import { installed } from '../harness/versions.ts'
import { allowedOf, type WorkRule, visits } from './workload.ts'

/** The middleware in front of the server's only route. */
export type Guard = 'none' | 'a turn' | 'penknife' | 'express-rate-limit' | 'rate-limiter-flexible'

export interface ServerTask {
  readonly guard: Guard
  readonly library: Library
  readonly url: string
  readonly setup: Setup
  readonly limit: number
  readonly windowMs: number
}

/** The connections of the load, kept alive, each with one request in flight. */
export const CONNECTIONS = 50

export const oursInExpress: Contender = { ...served('penknife', 'plain'), setup: 'default' }

export const peersInExpress: readonly Peer[] = [
  {
    name: `${installed('express-rate-limit')} + ${installed('rate-limit-redis')}`,
    setups: SETUPS.map((setup) => served('express-rate-limit', setup)),
  },
  {
    name: installed('rate-limiter-flexible'),
    setups: SETUPS.map((setup) => served('rate-limiter-flexible', setup)),
  },
]

/**
 * A server that waits for Redis answers all requests of a tick together, which takes less CPU than one by one. So the
 * cost of a limiter is compared with a server that waits for a tick too.
 */
export const bareExpress: Peer = {
  name: 'Express alone',
  setups: [
    { ...served('none', 'plain'), setup: 'bare' },
    { ...served('a turn', 'plain'), setup: 'a turn later' },
  ],
}

/**
 * An Express server in another process, whose CPU is measured. This process only makes the load. A call is a request
 * behind one proxy, so each client is an address in X-Forwarded-For.
 */
function served(guard: Guard, setup: Setup): Contender {
  return {
    setup,
    commands: ['evalsha', 'eval'],
    async open(url, ops, library) {
      const [{ limit, windowMs }] = visits.rules(ops) as readonly [WorkRule]
      const task: ServerTask = { guard, library, url, setup, limit, windowMs }
      const server = fork(
        fileURLToPath(new URL('express-server.ts', import.meta.url)),
        [JSON.stringify(task)],
        {
          env: { ...process.env, NODE_ENV: 'production' },
        },
      )
      const [port] = (await once(server, 'message')) as [number]
      const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS, pipelining: 1 })
      let round = 0
      let addresses = addressesOf(round)
      return {
        async prepare() {
          addresses = addressesOf(++round)
        },
        expected: guard === 'none' || guard === 'a turn' ? ops : allowedOf(visits, ops),
        async call(at) {
          const headers = { 'x-forwarded-for': addresses[at % addresses.length] as string }
          const { statusCode, body } = await pool.request({ path: '/', method: 'GET', headers })
          await body.dump()
          if (statusCode !== 200 && statusCode !== 429) throw new Error(`${guard} answered ${statusCode}`)
          return statusCode === 200 ? 1 : 0
        },
        async cpuUs() {
          server.send('cpu')
          const [cpu] = (await once(server, 'message')) as [number]
          return cpu
        },
        async close() {
          await pool.destroy()
          server.kill()
          await once(server, 'exit')
        },
      }
    },
  }
}

/** As many addresses as there are subjects. */
function addressesOf(round: number): readonly string[] {
  return Array.from({ length: visits.subjects }, (_, at) => `198.${18 + (round % 2)}.${at >> 8}.${at & 255}`)
}
