import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { Pool } from 'undici'

/** A server in another process, and the connections of the load to it. */
export interface Forked {
  readonly pool: Pool
  /** CPU time that the process used so far, in microseconds. */
  cpuUs(): Promise<number>
  /** The file of a log that writes one, and the memory of the process. */
  report(): Promise<{ readonly file: string; readonly rssMb: number }>
  close(): Promise<void>
}

/** Starts a server: a program of this folder that is given the task as JSON, sends its port, and on request its CPU time. */
export async function forked(program: string, task: object, connections: number): Promise<Forked> {
  const server = fork(fileURLToPath(new URL(program, import.meta.url)), [JSON.stringify(task)], {
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const [port] = (await once(server, 'message')) as [number]
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 })
  return {
    pool,
    async cpuUs() {
      server.send('cpu')
      const [cpu] = (await once(server, 'message')) as [number]
      return cpu
    },
    async report() {
      server.send('report')
      const [report] = (await once(server, 'message')) as [{ file: string; rssMb: number }]
      return report
    },
    async close() {
      await pool.destroy()
      server.kill()
      await once(server, 'exit')
    },
  }
}
