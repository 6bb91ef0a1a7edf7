/**
 * The parts of a node-redis client that penknife uses. Its package is not imported, because an application may not
 * have it.
 */
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
  /** Handles push messages of the server. Missing in node-redis before 5.11. */
  _getQueue(): { readonly decoder: { onReply: (reply: unknown) => void } }
}

/** Older versions do not report a slot that moves away, so penknife would lose its followed channels. */
export const OLDEST_NODE_REDIS = '5.11'

type OnMessage = (text: string, channel: string) => void

export interface Options {
  readonly database?: number | undefined
  readonly keyPrefix?: string | undefined
  readonly socket?: SocketOptions | undefined
}

export interface SocketOptions {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly path?: string | undefined
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

/** The time limit of connecting and logging in. */
export const CONNECT_MS = 5000

/**
 * Settings of every connection. They replace those of the application's client: node-redis queues nothing, sends
 * nothing again, sets no timers, and makes no second attempt to connect (link.ts does). Address, login and network
 * settings are inherited, except those in `socket`.
 */
export function settingsOf(given: Client, socket: SocketOptions = {}): object {
  return {
    // node-redis copied its socket, user and database into the other options. Kept, it would override penknife's.
    url: undefined,
    // With a name it could not connect if the user may not run CLIENT SETNAME.
    name: undefined,
    keyPrefix: '',
    RESP: 2,
    maintNotifications: 'disabled',
    clientSideCache: undefined,
    emitInvalidate: undefined,
    readonly: false,
    disableOfflineQueue: true,
    commandsQueueMaxLength: undefined,
    // Its time limit costs an AbortSignal for each call, and penknife has its own deadlines.
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

/** The options of a cluster or a Sentinel client, which only its `duplicate` reveals. */
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
