import { type Client, CONNECT_MS, type Options, optionsOf, settingsOf } from './client.ts'

/** The parts of a node-redis client for Sentinel that penknife uses. */
export interface Sentinel {
  duplicate(overrides: object): Sentinel
  connect(): Promise<unknown>
  destroy(): Promise<unknown>
  on(event: string, listener: (...args: never[]) => void): unknown
  /** Runs a function with the client that is connected to the master. */
  _execute<Result>(isReadonly: boolean, use: (client: Client) => Result): Promise<Result>
}

export interface SentinelOptions {
  readonly name: string
  readonly keyPrefix?: string | undefined
  readonly nodeClientOptions?: Options | undefined
  readonly sentinelClientOptions?: Options | undefined
}

/** A sentinel that does not answer within this time is skipped. */
const SENTINEL_MS = 2000

export function sentinelOptionsOf(given: Sentinel): SentinelOptions {
  return optionsOf(given) as SentinelOptions
}

/**
 * Asks the sentinels for the master, and returns an unconnected client for it. node-redis returns only connected
 * clients, so each attempt opens one more connection, and closes it.
 */
export async function clientOfMaster(
  given: Sentinel,
  options: SentinelOptions,
  signal: AbortSignal,
): Promise<Client> {
  const asking = given.duplicate({
    // Only one attempt: link.ts makes the next one.
    maxCommandRediscovers: 0,
    masterPoolSize: 1,
    replicaPoolSize: 0,
    reserveClient: false,
    scanInterval: 0,
    passthroughClientErrorEvents: false,
    clientSideCache: undefined,
    nodeClientOptions: limited(options.nodeClientOptions, CONNECT_MS),
    sentinelClientOptions: limited(options.sentinelClientOptions, SENTINEL_MS),
  })
  let last: unknown
  asking.on('error', (error: unknown) => (last = error))
  const leave = (): void => void asking.destroy().catch(() => {})
  signal.addEventListener('abort', leave, { once: true })
  try {
    await asking.connect()
    // oxlint-disable-next-line no-underscore-dangle -- the only way to one of its clients
    const client = await asking._execute(false, (master) => master)
    return client.duplicate(settingsOf(client))
  } catch (error) {
    throw last instanceof Error ? last : error
  } finally {
    signal.removeEventListener('abort', leave)
    leave()
  }
}

function limited(options: Options | undefined, ms: number): object {
  const socket = { ...options?.socket, connectTimeout: ms, socketTimeout: ms, reconnectStrategy: false }
  return { ...options, socket, disableOfflineQueue: false, maintNotifications: 'disabled', pingInterval: 0 }
}
