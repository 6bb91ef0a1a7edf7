// A worker of another process, as an application has it: it connects to the URL that the test gave it, and never finishes.
import { connect, createStream } from '@penknife/core'
import { Redis } from 'ioredis'

const [, , url = '', space = ''] = process.argv
const penknife = connect(new Redis(url, { lazyConnect: true }))
const stream = createStream<string>(penknife.space(space), 'orders', { groups: ['bill'] })
const worker = stream.worker('bill', async ({ payload }) => {
  console.log(`handling ${payload}`)
  await new Promise(() => {})
})
worker.on(({ kind }) => {
  if (kind === 'delayed') console.log('ready')
})
