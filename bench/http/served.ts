import type { Bench, Contender, Peer } from '../harness/bench.ts'
import type { Library } from '../harness/library.ts'
import { type Setup, SETUPS } from '../harness/connections.ts'
import { installed } from '../harness/versions.ts'
import { forked } from './forked.ts'
import { allowedOf, type WorkRule, visits } from '../limiter/workload.ts'

export interface ServerTask {
  /** The middleware in front of the server's only route, by its name in the server's file. */
  readonly guard: string
  readonly library: Library
  readonly url: string
  readonly setup: Setup
  readonly limit: number
  readonly windowMs: number
}

/** The connections of the load, kept alive, each with one request in flight. */
const CONNECTIONS = 50

export type Framework = 'express' | 'fastify' | 'hono'

/** A limiter in front of a framework's route, and its peers. */
export function limitersIn(
  framework: Framework,
  peers: readonly { readonly guard: string; readonly packages: readonly string[] }[],
): Omit<Bench, 'name'> {
  return {
    about: `requests to a server of ${framework} in its own process, ${CONNECTIONS} connections; client us is the server's`,
    inFlight: CONNECTIONS,
    // Many short rounds, because the cost of a middleware is small compared to the noise of the rest on a busy
    // machine.
    ops: 2_000,
    rounds: 40,
    warmUps: 10,
    ours: { ...served(framework, 'penknife', 'plain'), setup: 'default' },
    peers: peers.map(({ guard, packages }) => ({
      name: packages.map(installed).join(' + '),
      setups: SETUPS.map((setup) => served(framework, guard, setup)),
    })),
    raw: bare(framework),
    overRaw: true,
    multipleOf: visits.subjects,
  }
}

/**
 * A server that waits for Redis answers all requests of a tick together, which takes less CPU than one by one. So the
 * cost of a limiter is compared with a server that waits for a tick too.
 */
function bare(framework: Framework): Peer {
  return {
    name: `${framework} alone`,
    setups: [
      { ...served(framework, 'none', 'plain'), setup: 'bare' },
      { ...served(framework, 'a tick', 'plain'), setup: 'a tick later' },
    ],
  }
}

/**
 * A server in another process, whose CPU is measured. This process only makes the load. A call is a request behind one
 * proxy, so each client is an address in X-Forwarded-For.
 */
function served(framework: Framework, guard: string, setup: Setup): Contender {
  return {
    setup,
    commands: ['evalsha', 'eval'],
    async open(url, ops, library) {
      const [{ limit, windowMs }] = visits.rules(ops) as readonly [WorkRule]
      const task: ServerTask = { guard, library, url, setup, limit, windowMs }
      const { pool, cpuUs, close } = await forked(`${framework}-server.ts`, task, CONNECTIONS)
      let round = 0
      let addresses = addressesOf(round)
      return {
        async prepare() {
          addresses = addressesOf(++round)
        },
        expected: guard === 'none' || guard === 'a tick' ? ops : allowedOf(visits, ops),
        async call(at) {
          const headers = { 'x-forwarded-for': addresses[at % addresses.length] as string }
          const { statusCode, body } = await pool.request({ path: '/', method: 'GET', headers })
          await body.dump()
          if (statusCode !== 200 && statusCode !== 429) throw new Error(`${guard} answered ${statusCode}`)
          return statusCode === 200 ? 1 : 0
        },
        cpuUs,
        close,
      }
    },
  }
}

/** As many addresses as there are subjects. */
function addressesOf(round: number): readonly string[] {
  return Array.from({ length: visits.subjects }, (_, at) => `198.${18 + (round % 2)}.${at >> 8}.${at & 255}`)
}
