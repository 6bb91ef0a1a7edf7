// How much of Redis' time finishing entries of a work queue takes: as lua/_lib/stream/acknowledge.lua does it, and by XACKDEL of
// Redis 8.2: PENKNIFE_REDIS_BINARY=… npx -y pnpm@12 exec tsx bench/stream/acknowledge.ts
import { readFileSync } from 'node:fs'

import { Redis } from 'ioredis'

import { startRedis } from '../../scripts/redis/server.ts'

const ENTRIES = 20_000
const BATCH = 100
const ROUNDS = 7
const PAYLOAD = 'x'.repeat(100)

const library = ['earlier', 'following', 'stream/groups', 'stream/pending', 'stream/acknowledge']
  .map((name) => readFileSync(new URL(`../../lua/_lib/${name}.lua`, import.meta.url), 'utf8'))
  .join('\n')
const IDS = 'local ids = cjson.decode(ARGV[3])\n'

/** Each finishes the ids of ARGV[3] for the group ARGV[1]; ARGV[2] has the groups that the queue is declared with. */
const WAYS: Readonly<Record<string, string>> = {
  'XACK, XTRIM (penknife)': `${library}\n${IDS}acknowledge(KEYS[1], ARGV[1], ARGV[2], ids)`,
  XACKDEL: `${IDS}redis.call('XACKDEL', KEYS[1], ARGV[1], 'ACKED', 'IDS', #ids, unpack(ids))`,
  // It takes a group that does not exist yet for one that needs nothing, so that its existence must be checked.
  'XINFO GROUPS, XACKDEL': `${readFileSync(new URL('../../lua/_lib/stream/groups.lua', import.meta.url), 'utf8')}
${IDS}
local known = {}
for _, each in ipairs(groups(KEYS[1])) do known[each.name] = true end
for name in string.gmatch(ARGV[2], '%S+') do assert(known[name]) end
redis.call('XACKDEL', KEYS[1], ARGV[1], 'ACKED', 'IDS', #ids, unpack(ids))`,
}

/** How much later than in order entries end: they are finished in random order within so many. */
const SPREADS = [BATCH, 1000]

const server = await startRedis()
const redis = new Redis(server.url, { protocol: 2 })
const version = /(?:redis|valkey)_version:(\S+)/.exec(await redis.info('server'))?.[1]
console.log(
  `Redis ${version}; ${ENTRIES} entries of ${PAYLOAD.length} bytes, finished by ${BATCH}; the best of ${ROUNDS} rounds`,
)
console.log('groups  order              way                        Redis us an entry   left')

for (const groups of [1, 2]) {
  for (const spread of SPREADS) {
    for (const [name, script] of Object.entries(WAYS)) {
      const rounds: { us: number; left: number }[] = []
      for (let round = 0; round < ROUNDS; round++) rounds.push(await run(script, groups, spread))
      const { us, left } = rounds.toSorted((a, b) => a.us - b.us)[0]!
      const order = spread === BATCH ? 'as read' : `random of ${spread}`
      console.log(
        `${groups}       ${order.padEnd(18)} ${name.padEnd(26)} ${us.toFixed(2).padStart(17)} ${String(left).padStart(6)}`,
      )
    }
  }
}
redis.disconnect()
await server.stop()

async function run(script: string, groups: number, spread: number): Promise<{ us: number; left: number }> {
  await redis.flushall()
  const names = Array.from({ length: groups }, (_, at) => `g${at}`)
  for (const name of names) await redis.xgroup('CREATE', 's', name, '0', 'MKSTREAM')
  for (let at = 0; at < ENTRIES; at += 1000) {
    const adding = redis.pipeline()
    for (let n = 0; n < 1000; n++) adding.xadd('s', '*', 'd', PAYLOAD)
    await adding.exec()
  }
  const sha = (await redis.script('LOAD', script)) as string
  await redis.config('RESETSTAT')
  for (let done = 0; done < ENTRIES; done += spread) {
    for (const name of names) {
      const args = ['GROUP', name, 'c', 'COUNT', spread, 'STREAMS', 's', '>']
      const [[, entries]] = (await redis.call('XREADGROUP', args)) as [[string, [string, string[]][]]]
      const ids = shuffled(entries.map(([id]) => id))
      for (let at = 0; at < ids.length; at += BATCH) {
        const batch = ids.slice(at, at + BATCH).toSorted(byId)
        await redis.evalsha(sha, 1, 's', name, names.join(' '), JSON.stringify(batch))
      }
    }
  }
  const stats = await redis.info('commandstats')
  const total = Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(stats)?.[1])
  return { us: total / (ENTRIES * groups), left: await redis.xlen('s') }
}

function shuffled(ids: string[]): string[] {
  for (let at = ids.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1))
    ;[ids[at], ids[other]] = [ids[other]!, ids[at]!]
  }
  return ids
}

function byId(a: string, b: string): number {
  const [aTime, aNumber] = a.split('-').map(Number) as [number, number]
  const [bTime, bNumber] = b.split('-').map(Number) as [number, number]
  return aTime - bTime || aNumber - bNumber
}
