import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { WebSocket } from 'ws'

import { until } from './until.ts'

/** Controls a page of a browser as its developer tools do (Chrome DevTools Protocol). */
export interface DevTools {
  send(method: string, params?: object): Promise<unknown>
}

/** @param profile the folder of the browser's profile, in which it says where it listens */
export async function devToolsPort(profile: string): Promise<string> {
  let port = ''
  await until('the browser listens', () => {
    try {
      port = readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split('\n')[0] ?? ''
    } catch {
      // Not yet.
    }
    return port !== ''
  })
  return port
}

/** Of the page with this address. `profile` as above. */
export async function openDevTools(profile: string, url: string): Promise<DevTools> {
  const port = await devToolsPort(profile)
  let address: string | undefined
  await until('the page is open', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`)
    const targets = (await response.json()) as {
      readonly url: string
      readonly webSocketDebuggerUrl: string
    }[]
    address = targets.find((target) => target.url === url)?.webSocketDebuggerUrl
    return address !== undefined
  })
  const socket = new WebSocket(address as string, { perMessageDeflate: false })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  socket.on('message', (data: Buffer) => {
    const { id, result, error } = JSON.parse(data.toString()) as {
      readonly id?: number
      readonly result?: unknown
      readonly error?: { readonly message: string }
    }
    const call = id === undefined ? undefined : waiting.get(id)
    if (error) call?.reject(new Error(error.message))
    else call?.resolve(result)
  })
  let last = 0
  return {
    send: (method, params = {}) =>
      new Promise((resolve, reject) => {
        const id = ++last
        waiting.set(id, { resolve, reject })
        socket.send(JSON.stringify({ id, method, params }))
      }),
  }
}
