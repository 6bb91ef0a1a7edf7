/**
 * Pub/sub for the instant, streams for what must not be lost: a chat message is shown at once, and its mail is sent once, though the
 * worker dies in between: `pnpm example instant`.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { Redis } from 'ioredis'

import { connect, createNotifier, createObjects, createStream, type Delivery, record } from '@penknife/core'

import { redisUrl } from '../redis.ts'

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const chat = penknife.space('chat')
const rooms = createNotifier<{ message: { from: string; text: string } }>(chat, 'rooms')
const mails = createStream<{ to: string; text: string }>(chat, 'mails', { groups: ['sending'] })
const sent = createStream<string>(chat, 'sent')
const unread = createObjects<{ count: number; mailed: number }>(chat, 'unread')

// Readers that are there see it at once. It is also in the history, for those that come back.
const shown: string[] = []
await rooms.subscribe(['room:1'], {
  onEvent: (event) => void (event.kind === 'message' && shown.push(event.data.text)),
})

/** The message, the mail and the counter, or none of them. */
const say = (id: string, to: string, text: string): Promise<unknown> =>
  record(
    chat,
    { id },
    rooms.publishing('room:1', { from: 'ann', text }),
    mails.adding({ to, text }),
    unread.incrementing(to, 'count'),
  )

await Promise.all([say('m1', 'bob', 'hello'), say('m2', 'bob', 'are you there?')])
await say('m1', 'bob', 'hello') // the browser sent it twice

let attempts = 0
async function mail(delivery: Delivery<{ to: string; text: string }>): Promise<void> {
  if (++attempts === 1) throw new Error('the first worker dies')
  const { to, text } = delivery.payload
  await delivery.commit(sent.adding(`${to}: ${text}`), unread.incrementing(to, 'mailed'))
}
mails.worker('sending', mail, { retryDelay: 10 })
while ((await unread.get('bob'))?.value.mailed !== 2) await delay(10)

console.log(`shown at once: ${shown.toSorted().join(', ')}`)
console.log(
  `mailed: ${(await sent.read()).items
    .map(({ payload }) => payload)
    .toSorted()
    .join(', ')}`,
)
console.log(`unread: ${(await unread.get('bob'))?.value.count}, ${attempts} attempts`)
await penknife.close()
process.exit()
