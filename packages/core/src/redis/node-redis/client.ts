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
}

type OnMessage = (text: string, channel: string) => void

export interface Options {
  readonly database?: number
  readonly keyPrefix?: string
  readonly socket?: { readonly host?: string; readonly port?: number; readonly path?: string }
}

/**
 * Settings of every connection, whatever the given one has: nothing is queued, sent again or timed by node-redis, which makes
 * no second attempt to connect either (link.ts does). What says where Redis is, who logs in and how the network is used is
 * inherited.
 */
export function settingsOf(given: Client, connectTimeout: number): object {
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
    socket: { ...given.options?.socket, connectTimeout, socketTimeout: undefined, reconnectStrategy: false },
  }
}
