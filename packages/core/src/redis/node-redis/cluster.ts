import { invalid } from '../../errors.ts'
import {
  type Client,
  CONNECT_MS,
  destroy,
  isClient,
  OLDEST_NODE_REDIS,
  type Options,
  optionsOf,
  settingsOf,
} from './client.ts'

/** The parts of a node-redis cluster that penknife uses: its creation of clients, and its addresses of nodes. */
export interface Cluster {
  duplicate(overrides: object): Cluster
  nodeClient(node: object): Promise<unknown>
}

export interface ClusterOptions {
  readonly rootNodes: readonly (Options & { readonly url?: string })[]
  readonly defaults?: Options | undefined
  readonly keyPrefix?: string | undefined
  readonly nodeAddressMap?: AddressMap | undefined
}

interface Address {
  readonly host: string
  readonly port: number
}
type AddressMap = Readonly<Record<string, Address>> | ((address: string) => Address | undefined)

export function clusterOptionsOf(given: Cluster): ClusterOptions {
  return optionsOf(given) as ClusterOptions
}

/** A client as the cluster creates them for its nodes, with their user and TLS. It is never connected. */
export function patternOf(given: Cluster, options: ClusterOptions): Client {
  const maker = given.duplicate({
    nodeAddressMap: undefined,
    defaults: { ...options.defaults, socket: { ...options.defaults?.socket, reconnectStrategy: false } },
  })
  // The cluster connects it at once, so it gets a port that no server can have.
  const node: { client?: Client } & Record<string, unknown> = { address: '', host: 'none', port: -1 }
  maker.nodeClient(node).catch(() => {})
  const { client } = node
  client?.on('error', () => {})
  if (client) destroy(client)
  if (isClient(client)) return client
  throw invalid('redis', given, `its node-redis is too old: penknife needs ${OLDEST_NODE_REDIS} or newer`)
}

/** The address of a node, by the application's map of addresses. */
export function mapped(address: string, { nodeAddressMap }: ClusterOptions): string {
  const found = typeof nodeAddressMap === 'function' ? nodeAddressMap(address) : nodeAddressMap?.[address]
  return found ? `${found.host}:${found.port}` : address
}

export function addressOf(name: string): Address {
  const colon = name.lastIndexOf(':')
  return { host: name.slice(0, colon), port: Number(name.slice(colon + 1)) }
}

const SLOTS = 16_384

/** The master of each slot, by its address. */
export type Slots = readonly (string | undefined)[]

/** Connects to a node that the application named, and reads the slots from it. */
export async function askRoot(pattern: Client, options: ClusterOptions, nth: number): Promise<Slots> {
  const root = options.rootNodes[nth]
  const settings = settingsOf(pattern, { host: 'localhost', port: 6379, ...root?.socket })
  const client = pattern.duplicate({ ...root, ...settings, url: root?.url })
  client.on('error', () => {})
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`the server did not answer within ${CONNECT_MS} ms`)
    timer = setTimeout(() => reject(error), CONNECT_MS).unref()
  })
  const asked = client.connect().then(() => client.sendCommand(['CLUSTER', 'SLOTS']))
  try {
    const reply = await Promise.race([asked, late])
    return slotsOf(reply, client.options?.socket?.host ?? 'localhost', options)
  } finally {
    clearTimeout(timer)
    asked.catch(() => {})
    destroy(client)
  }
}

/** Decodes the reply to CLUSTER SLOTS of the node at `host`. */
export function slotsOf(reply: unknown, host: string, options: ClusterOptions): Slots {
  const slots: (string | undefined)[] = []
  for (const [from, to, master] of Array.isArray(reply) ? (reply as unknown[][]) : []) {
    const [at, port] = Array.isArray(master) ? (master as unknown[]) : []
    if (typeof from !== 'number' || typeof to !== 'number' || typeof port !== 'number') continue
    // A node that does not know its own address omits it.
    const known = typeof at === 'string' && at !== '' && at !== '?' ? at : host
    const name = mapped(`${known}:${port}`, options)
    for (let slot = from; slot <= to && slot < SLOTS; slot++) slots[slot] = name
  }
  if (slots.length === 0) throw new Error('the node knows no master of a slot')
  return slots
}
