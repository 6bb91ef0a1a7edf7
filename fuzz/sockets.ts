import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { connect, createNotifier, createPresence, live, type Presence } from '@penknife/core'
import { createNotificationClients } from '@penknife/http'
import { notificationSockets } from '@penknife/http/websocket'
import { Redis } from 'ioredis'

import { startRedis } from '../scripts/redis/server.ts'
import { dropWarnings } from './check.ts'
import {
  createFindings,
  type Findings,
  type Fuzzer,
  randomOf,
  settlesWithin,
  watchLoop,
  watchProcess,
} from './harness.ts'
import { type Played, playSocket } from './sockets/client.ts'
import { makeSocketInput, type SocketInput, SECRET, UNNAMED } from './sockets/inputs.ts'

/** Clients at a time. */
const AT_ONCE = 40
const WAIT_MS = 5000
/** What may remain of clients that left, until the server noticed. */
const REST_MS = 10_000
/** So many inputs before a block of the event loop are played again. */
const AGAIN = 500
/** Codes of the WebSocket protocol. The others are those of penknife.v1, or repeat that of the client. */
const CODES = new Set([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009])

/** Attacks the WebSockets of a notifier with frames that no good client sends. */
export const sockets: Fuzzer = {
  name: 'sockets',
  about: 'hostile frames against the WebSockets of a notifier',
  inputs: 200_000,
  async run({ seed, inputs, log }) {
    const findings = createFindings()
    const watching = watchProcess(findings)
    const hearWarnings = dropWarnings()
    await using redis = await startRedis()
    const raw = new Redis(redis.url)
    const given = new Redis(redis.url, { lazyConnect: true })
    const penknife = connect(given)
    const notifier = createNotifier(penknife.space('fuzz'), 'main', { history: 20 })
    const presence = createPresence(penknife.space('fuzz'), 'main', { grace: 0, announce: notifier })
    let read = 0
    const clients = createNotificationClients({
      onConnect: (client) => void client.nudge('a', { of: 'a' }),
      onDisconnect() {
        if (next % 100 === 0) throw new Error('a callback that fails')
      },
    })
    const served = notificationSockets(notifier, {
      presence,
      clients,
      views: { view: live({ read: () => ({ read: read++ }), every: 20 }) },
      user: ({ query }) => query.get('user') ?? 'ann',
      authorize: (_, channels) => channels.filter((channel) => !channel.startsWith(SECRET)),
      renew(_, token) {
        if (token === 'throw') throw new Error('a callback that fails')
        return token === 'good'
      },
    })
    const server = createServer()
    served.attach(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    let next = 0
    /** The inputs at which the event loop was blocked. */
    const blocks: number[] = []
    const loop = watchLoop({ add: () => blocks.push(next) }, () => '')
    const publishing = setInterval(() => {
      for (const channel of ['a', 'b', SECRET, `${SECRET}:1`, UNNAMED])
        notifier
          .publish(channel, { of: channel })
          .catch((error: unknown) => findings.add('publish failed', String(error)))
    }, 2)

    async function attack(end: number): Promise<void> {
      while (next < end) {
        const nth = next++
        const input = makeSocketInput(randomOf(seed, nth))
        check(await playSocket(port, input, WAIT_MS), input, `input ${nth} of seed ${seed}`, findings)
        if (nth % 10_000 === 9999) log([`${nth + 1} inputs`, ...findings.lines].join('\n  found: '))
      }
    }
    async function attackFrom(from: number, end: number): Promise<void> {
      next = from
      await Promise.all(Array.from({ length: AT_ONCE }, () => attack(end)))
    }

    try {
      await attackFrom(0, inputs)
      loop.stop()
      // An input that blocks does it again, unlike a busy machine.
      for (const block of blocks) {
        const again = watchLoop(findings, () => `about input ${block} of seed ${seed}`)
        await attackFrom(Math.max(0, block - AGAIN), block)
        again.stop()
      }
      clearInterval(publishing)
      await rest(raw, server, findings)
      if (clients.size > 0) findings.add('clients are listed after all left', String(clients.size))
      await restOf(presence, findings)
      if (!(await settlesWithin(served.close({ deadline: '2s' }), 5000))) findings.add('close did not end')
    } finally {
      clearInterval(publishing)
      loop.stop()
      server.close()
      server.closeAllConnections()
      await penknife.close()
      raw.disconnect()
      given.disconnect()
      hearWarnings()
      watching.stop()
    }
    return { inputs, findings: findings.lines }
  },
}

function check(
  { status, texts, code, wrong, ended }: Played,
  { leaving, whole }: SocketInput,
  which: string,
  findings: Findings,
): void {
  if (status !== 101) findings.add('an upgrade was refused', `${status}, ${which}`)
  if (wrong !== undefined) findings.add('a frame that no server sends', `${wrong}, ${which}`)
  if (code !== undefined && !CODES.has(code) && !(code >= 3000 && code < 5000))
    findings.add('a close code that is not documented', `${code}, ${which}`)
  if (leaving === 'wait' && ended && code === undefined) findings.add('the end had no close frame', which)
  if (
    whole &&
    leaving === 'wait' &&
    !ended &&
    code === undefined &&
    !texts.some((text) => text.includes('424242'))
  )
    findings.add('the server neither replied nor closed', which)
  for (const text of texts) {
    try {
      const { kind, channel } = JSON.parse(text) as { kind?: unknown; channel?: unknown }
      if (typeof kind !== 'string') findings.add('a frame without a kind', which)
      if (kind !== 'reply' && (String(channel).startsWith(SECRET) || channel === UNNAMED))
        findings.add("somebody else's channel", `${text}, ${which}`)
    } catch {
      findings.add('a frame that is no JSON', which)
    }
  }
}

/** Checks that nobody is present after all clients left. */
async function restOf(presence: Presence, findings: Findings): Promise<void> {
  const end = performance.now() + REST_MS
  for (const channel of ['a', 'b', 'view']) {
    while ((await presence.count(channel)) > 0) {
      if (performance.now() > end) return findings.add('members are present after all left', channel)
      await delay(20)
    }
  }
}

/** Checks that the server keeps nothing of its clients after they left. */
async function rest(raw: Redis, server: ReturnType<typeof createServer>, findings: Findings): Promise<void> {
  const end = performance.now() + REST_MS
  for (;;) {
    const followed = ((await raw.call('PUBSUB', 'SHARDCHANNELS')) as string[]).length
    const open = await new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
    if (followed === 0 && open === 0) return
    if (performance.now() > end) {
      return findings.add(
        'the server keeps something after all clients left',
        `${open} sockets, ${followed} channels`,
      )
    }
    await delay(20)
  }
}
