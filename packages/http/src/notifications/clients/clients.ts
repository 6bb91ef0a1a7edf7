import { randomBytes } from 'node:crypto'

import type { NotifierMessage } from '@penknife/core'
import { checkName, checkOptions, invalid, runSafely, toJson } from '@penknife/core/internal'

import type { Exchange } from '../../exchange/exchange.ts'
import type { NotificationClient, NotificationClients, NotificationClientsOptions } from './types.ts'

/** The most bytes of the JSON of a nudge, as of an event. */
const MAX_BYTES = 64 * 1024

/** What a middleware knows of a client that it serves. */
export interface ServedClient {
  readonly transport: NotificationClient['transport']
  readonly user: string | undefined
  channels(): readonly string[]
  /** Writes the message, or returns false. */
  nudge(message: NotifierMessage): boolean
  reconnect(): void
}

/**
 * Makes a list of the connected clients of this process, for counts, hooks, and events to one client.
 *
 *     const clients = createNotificationClients({ onConnect: (client) => client.nudge('news', 'welcome') })
 *     app.get('/events', notifications(notifier, { channels: ['news'], clients }))
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createNotificationClients(options: NotificationClientsOptions = {}): NotificationClients {
  checkOptions('createNotificationClients', options, ['onConnect', 'onDisconnect'])
  for (const name of ['onConnect', 'onDisconnect'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function')
      throw invalid(`createNotificationClients ${name}`, options[name], 'give a function')
  }
  return new ConnectedClients(options)
}

/** The list, as middlewares use it. */
export class ConnectedClients implements NotificationClients {
  readonly #options: NotificationClientsOptions
  readonly #clients = new Map<string, NotificationClient>()

  constructor(options: NotificationClientsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#clients.size
  }

  count(channel: string): number {
    let count = 0
    for (const client of this) if (client.channels.includes(channel)) count += 1
    return count
  }

  get(id: string): NotificationClient | undefined {
    return this.#clients.get(id)
  }

  of(user: string): readonly NotificationClient[] {
    return [...this].filter((client) => client.user === user)
  }

  [Symbol.iterator](): Iterator<NotificationClient> {
    return this.#clients.values()
  }

  /** Adds a client whose connection has begun. Call the result when it has ended. */
  add(served: ServedClient, exchange: Exchange): () => void {
    const { onConnect, onDisconnect } = this.#options
    const client = clientOf(served)
    this.#clients.set(client.id, client)
    if (onConnect) runSafely('onConnect of notification clients failed', () => onConnect(client, exchange))
    return () => {
      if (!this.#clients.delete(client.id) || !onDisconnect) return
      runSafely('onDisconnect of notification clients failed', () => onDisconnect(client))
    }
  }
}

/** Checks the option `clients` of a middleware. */
export function checkClients(name: string, clients: unknown): ConnectedClients | undefined {
  if (clients === undefined || clients instanceof ConnectedClients) return clients
  throw invalid(`${name} clients`, clients, 'give what createNotificationClients returned')
}

function clientOf(served: ServedClient): NotificationClient {
  return {
    id: randomBytes(12).toString('base64url'),
    transport: served.transport,
    user: served.user,
    get channels() {
      return served.channels()
    },
    nudge(channel, data, options = {}) {
      checkOptions('nudge', options, ['type'])
      const type = checkName('type', options.type ?? 'message')
      const json = toJson('data', data, MAX_BYTES)
      return served.nudge({ kind: 'message', channel, id: null, type, json, data: JSON.parse(json) })
    },
    reconnect: () => served.reconnect(),
  }
}
