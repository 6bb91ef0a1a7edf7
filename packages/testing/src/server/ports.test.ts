import { once } from 'node:events'
import { createServer } from 'node:net'

import { expect, onTestFinished, test } from 'vitest'

import { onFreePort } from './ports.ts'

async function listen(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return port
}

test('what cannot listen on its port, because somebody took it meanwhile, gets another one', async () => {
  const offered: number[] = []
  const port = await onFreePort(false, async (free) => {
    offered.push(free)
    if (offered.length === 1) await listen(free)
    return listen(free)
  })
  expect(offered).toEqual([offered[0], port])
  expect(port).not.toBe(offered[0])
})

test('another error is not tried again', async () => {
  const failing = onFreePort(false, () => Promise.reject(new Error('lacks TLS')))
  await expect(failing).rejects.toThrow('lacks TLS')
})
