/** The core alone, without HTTP: `pnpm example standalone`. */
import { Redis } from 'ioredis'

import { connect, createLeaderboard, createNotifier, createRateLimiter, createStream } from '@penknife/core'

import { redisUrl } from '../redis.ts'

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const arena = penknife.space('arena')

const moves = createRateLimiter(arena, 'moves', { rules: [{ name: 'burst', limit: 3, window: '1m' }] })
const games = createStream<{ player: string; points: number }>(arena, 'games', { groups: ['scores'] })
const board = createLeaderboard(arena, 'points')
const notifier = createNotifier(arena, 'main')

// A listener watches the ranking until three games were counted.
let seen = 0
let enough = (): void => {}
const counted = new Promise<void>((resolve) => (enough = resolve))
await notifier.subscribe(['ranking'], {
  onEvent(event) {
    if (event.kind === 'message') console.log('notified:', event.data)
    if (++seen === 3) enough()
  },
})

// A worker updates the board. A game whose handler failed or crashed would be handled again.
games.worker('scores', async ({ payload }) => {
  const score = await board.increment(payload.player, payload.points)
  await notifier.publish('ranking', `${payload.player} has ${score} points`)
})

// Four games, of which the limiter allows three.
for (const [player, points] of [
  ['ann', 3],
  ['bob', 2],
  ['ann', 1],
  ['bob', 9],
] as const) {
  const decision = await moves.take('table-1')
  if (decision.allowed) await games.add({ player, points })
  else console.log(`${player} has to wait ${Math.ceil(decision.retryAfterMs / 1000)} s`)
}

await counted
console.table(await board.top())
await penknife.close()
process.exit()
