import type { Bench, Contender, Peer } from '../harness/bench.ts'
import type { Library } from '../harness/library.ts'
import { installed } from '../harness/versions.ts'
import { forked } from './forked.ts'

export interface LogTask {
  /** The log in front of the server's only route, by its name in the server's file. */
  readonly log: string
  readonly library: Library
  readonly url: string
}

type Framework = 'express' | 'koa'

const CONNECTIONS = 50

/** Header lines as a browser sends them, because some logs write all of them. */
export const HEADERS = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'accept-language': 'en-GB,en;q=0.5',
  'accept-encoding': 'gzip, deflate, br',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
}

/** A log in front of a framework's route, and its peers. */
export function logsIn(
  framework: Framework,
  pinoPackage: string,
  morganPackage: string,
): Omit<Bench, 'name'> {
  return {
    about: `requests to a server of ${framework} in its own process that logs each, ${CONNECTIONS} connections; client us is the server's`,
    inFlight: CONNECTIONS,
    ops: 2_000,
    rounds: 40,
    warmUps: 10,
    ours: logged(framework, 'penknife', 'default', ['evalsha', 'eval']),
    peers: [
      {
        name: installed(pinoPackage),
        setups: [
          logged(framework, 'pino', 'to a file'),
          logged(framework, 'pino buffered', 'to a file, buffered'),
        ],
      },
      { name: installed(morganPackage), setups: [logged(framework, 'morgan', 'combined, to a file')] },
    ],
    raw: bare(framework),
    overRaw: true,
  }
}

function bare(framework: Framework): Peer {
  return { name: `${framework} alone`, setups: [logged(framework, 'none', 'bare')] }
}

function logged(
  framework: Framework,
  log: string,
  setup: string,
  commands: readonly string[] = [],
): Contender {
  return {
    setup,
    commands,
    async open(url, ops, library) {
      const task: LogTask = { log, library, url }
      const { pool, cpuUs, close } = await forked(`${framework}-log-server.ts`, task, CONNECTIONS)
      return {
        expected: ops,
        async call(at) {
          const path = `/items/${at}?page=2`
          const { statusCode, body } = await pool.request({ path, method: 'GET', headers: HEADERS })
          await body.dump()
          if (statusCode !== 200) throw new Error(`${log} answered ${statusCode}`)
          return 1
        },
        cpuUs,
        close,
      }
    },
  }
}
