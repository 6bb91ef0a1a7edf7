import type { AnyNotifier } from '@penknife/core'

/** A client of any transport. */
export interface Client {
  /** Writes something small, unless the client has unsent bytes. */
  keepAlive(): void
  /** Asks the client to reconnect, and ends. Resolves when its connection has ended. */
  end(reason: 'reconnect', deadlineMs: number): Promise<void>
}

/** The clients of one middleware. While there are any, heartbeats run and penknife.close() ends them. */
export interface Clients {
  add(client: Client): void
  remove(client: Client): void
  /** Whether `close` was called. */
  readonly closed: boolean
  /** Asks every client to reconnect. Resolves when their connections have ended. */
  close(deadlineMs: number): Promise<void>
}

/** @param heartbeatMs how often clients get a heartbeat; undefined: never */
export function createClients(notifier: AnyNotifier, heartbeatMs: number | undefined): Clients {
  const clients = new Set<Client>()
  let closed = false
  let heartbeats: NodeJS.Timeout | undefined
  let unregister = (): unknown => undefined

  async function close(deadlineMs: number): Promise<void> {
    closed = true
    await Promise.all([...clients].map((client) => client.end('reconnect', deadlineMs)))
  }

  function beat(): void {
    for (const client of clients) client.keepAlive()
  }

  return {
    add(client) {
      if (clients.size === 0) {
        unregister = notifier.onClose(close)
        if (heartbeatMs !== undefined) heartbeats = setInterval(beat, heartbeatMs).unref()
      }
      clients.add(client)
    },
    remove(client) {
      if (!clients.delete(client) || clients.size > 0) return
      clearInterval(heartbeats)
      unregister()
    },
    get closed() {
      return closed
    },
    close,
  }
}
