import * as core from './dist/index.js'
import { Redis } from 'ioredis'
import { spawn } from 'node:child_process'
const url = process.env.URL
const client = core.connect(new Redis(url), { deadline: '5s' })
const locks = core.createLock(client.space('bench'), 'orders', { lease: 10000 })
const N = Number(process.env.N ?? 30000), F = Number(process.env.F ?? 100)
let at = 0
async function loop() { while (at < end) { const held = await locks.tryAcquire(`order-${at++}`); if (!held || !(await held.release())) throw 1 } }
let end = 0
for (let r = 0; r < Number(process.env.R ?? 8); r++) {
  end = at + N
  const c = process.cpuUsage(), t = performance.now()
  await Promise.all(Array.from({ length: F }, loop))
  const u = process.cpuUsage(c)
  console.log(((u.user + u.system) / N).toFixed(2), 'us client;', (N / (performance.now() - t) * 1000).toFixed(0), '/s')
}
await client.close()
process.exit(0)
