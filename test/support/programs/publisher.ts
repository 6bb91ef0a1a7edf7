// Publishes `<name>:<n>` to the channel `room` of the space `shop`, `count` times, and prints the ids. argv: Redis
// url, name, count.
import { connect, createNotifier } from '@penknife/core'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url, name, count] = process.argv.slice(2) as [string, string, string]
const penknife = connect(pattern(url))
const notifier = createNotifier(penknife.space('shop'), 'main')
const ids: string[] = []
for (let at = 0; at < Number(count); at += 5) {
  const batch = Array.from({ length: 5 }, (_, more) => notifier.publish('room', `${name}:${at + more}`))
  ids.push(...(await Promise.all(batch)))
}
console.log(JSON.stringify(ids))
await penknife.close()
