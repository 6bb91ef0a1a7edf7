/** What penknife uses of a client of node-redis; its package is not imported, since an application may not have it. */
export interface Client {
  readonly isOpen: boolean
  readonly options: Options | undefined
  duplicate(overrides: object): Client
  connect(): Promise<unknown>
  destroy(): void
  sendCommand(args: readonly (string | Buffer)[]): Promise<unknown>
  sSubscribe(channel: string, listener: OnMessage): Promise<void>
  sUnsubscribe(channel: string, listener: OnMessage): Promise<void>
  on(event: string, listener: (...args: never[]) => void): unknown
  /** Shows what the server says; node-redis before 5.11 does not have it. */
  _getQueue(): { readonly decoder: { onReply: (reply: unknown) => void } }
}

/** Versions before it do not show a slot that moves away, and with it the channels that are followed. */
export const OLDEST_NODE_REDIS = '5.11'

type OnMessage = (text: string, channel: string) => void

export interface Options {
  readonly database?: number
  readonly keyPrefix?: string
  readonly socket?: SocketOptions
}

export interface SocketOptions {
  readonly host?: string
  readonly port?: number
  readonly path?: string
}

/** One client of node-redis, not a pool. */
export function isClient(given: unknown): given is Client {
  if (typeof given !== 'object' || given === null) return false
  const { isOpen, isWatching, duplicate, sSubscribe, _getQueue } = given as Readonly<Record<string, unknown>>
  return (
    [duplicate, sSubscribe, _getQueue].every((each) => typeof each === 'function') &&
    [isOpen, isWatching].every((each) => typeof each === 'boolean')
  )
}

/** How long a server may take to be connected and logged in to. */
export const CONNECT_MS = 5000

/**
 * Settings of every connection, whatever the given one has: nothing is queued, sent again or timed by node-redis, which makes
 * no second attempt to connect either (link.ts does). What says where Redis is, who logs in and how the network is used is
 * inherited, less what `socket` says otherwise.
 */
export function settingsOf(given: Client, socket: SocketOptions = {}): object {
  return {
    // The socket, user and database that node-redis took from it are among the options; it would win over ours.
    url: undefined,
    // It would not connect where the user may not give a name.
    name: undefined,
    keyPrefix: '',
    RESP: 2,
    maintNotifications: 'disabled',
    clientSideCache: undefined,
    emitInvalidate: undefined,
    readonly: false,
    disableOfflineQueue: true,
    commandsQueueMaxLength: undefined,
    // Its time limit costs each call an AbortSignal; penknife has deadlines of its own.
    commandOptions: { timeout: undefined },
    pingInterval: 0,
    socket: {
      ...given.options?.socket,
      connectTimeout: CONNECT_MS,
      socketTimeout: undefined,
      reconnectStrategy: false,
      ...socket,
    },
  }
}

/** Ends a client, whether or not it is connected. */
export function destroy(client: Client): void {
  try {
    client.destroy()
  } catch {
    // It was closed already.
  }
}

/** The options that a cluster or a client of Sentinel was made with, which it shows only to what duplicates it. */
export function optionsOf(given: object): unknown {
  let found: unknown
  function Catcher(options: unknown): void {
    found = options
  }
  const prototype: object = Object.create(given, { constructor: { value: Catcher } })
  const catcher = Object.create(prototype) as { duplicate(overrides: object): unknown }
  catcher.duplicate({})
  return found
}
