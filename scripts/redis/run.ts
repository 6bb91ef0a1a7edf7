// A private Redis in the foreground, for a developer's own experiments:
// tsx scripts/redis/run.ts [--tls] [--persist] [--unix]
import { parseArgs } from 'node:util'
import { startRedis } from './server.ts'

const { values } = parseArgs({
  options: { tls: { type: 'boolean' }, persist: { type: 'boolean' }, unix: { type: 'boolean' } },
})
const redis = await startRedis({
  listen: values.unix ? 'unix' : 'tcp',
  tls: values.tls ?? false,
  persist: values.persist ?? false,
})
console.log(redis.url)
if (redis.ca !== undefined) console.log(`trust ${redis.dir}/tls.crt`)
console.error('Ctrl-C ends it and removes its data.')

// The server keeps no process alive: something must until the signal comes.
const alive = setInterval(() => {}, 2 ** 30)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    clearInterval(alive)
    void redis.stop()
  })
}
