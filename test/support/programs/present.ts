// Makes members of a channel, and then lives on until it is killed.
import { connect, createNotifier, createPresence } from '@penknife/core'
import { Redis } from 'ioredis'

const [url = '', ...members] = process.argv.slice(2)
const space = connect(new Redis(url)).space('shop')
const presence = createPresence(space, 'main', { lease: '3s', announce: createNotifier(space, 'main') })
await Promise.all(members.map((member) => presence.join('room', member).joined))
console.log(JSON.stringify('joined'))
