import { setTimeout as delay } from 'node:timers/promises'
import { busOffset } from './ports.ts'
import { send } from './resp.ts'
import { startRedis } from './server.ts'
import type { PrivateRedis, RedisOptions } from './server.ts'

export interface ClusterOptions {
  /** Default 3. */
  readonly masters?: number
  /** Default 0. */
  readonly replicasPerMaster?: number
  /** TLS instead of plain TCP, with one certificate for all nodes. Default false. */
  readonly tls?: boolean
  /** More server arguments for every node. */
  readonly args?: readonly string[]
}

export interface PrivateCluster extends AsyncDisposable {
  /** The masters in the order of their slots, then the replicas: first one of each master, and so on. */
  readonly nodes: readonly PrivateRedis[]
  readonly startupNodes: readonly { readonly host: string; readonly port: number }[]
  /** The certificate to trust (PEM), with `tls`. */
  readonly ca?: string
  stop(): Promise<void>
}

const slots = 16_384
const formWithinMs = 30_000
const nodeArgs = ['--cluster-node-timeout', '2000', '--repl-diskless-sync-delay', '0']

/** Starts a cluster of private servers; resolves when every node agrees that it is complete. */
export async function startCluster(options: ClusterOptions = {}): Promise<PrivateCluster> {
  const { masters = 3, replicasPerMaster = 0, tls = false, args = [] } = options
  const count = masters * (1 + replicasPerMaster)
  const start = (certified: RedisOptions['tls']): Promise<PrivateRedis> =>
    startRedis({ cluster: true, tls: certified ?? false, args: [...nodeArgs, ...args] })
  const first = start(tls)
  const others = Array.from({ length: count - 1 }, async () => start(tls && (await first)))
  const starting = [first, ...others]
  const nodes = (await Promise.allSettled(starting)).flatMap((each) =>
    each.status === 'fulfilled' ? each.value : [],
  )
  const stop = async (): Promise<void> => void (await Promise.all(nodes.map((node) => node.stop())))
  try {
    await Promise.all(starting)
    await join(nodes, masters)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    nodes,
    startupNodes: nodes.map(({ host, port }) => ({ host, port })),
    ...(nodes[0]?.ca === undefined ? {} : { ca: nodes[0].ca }),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function join(nodes: readonly PrivateRedis[], masters: number): Promise<void> {
  const deadline = Date.now() + formWithinMs
  const [first, ...others] = nodes
  if (first === undefined) throw new Error('a cluster needs at least one master')
  await Promise.all(
    nodes.map((node, index) => send(node, ['CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1)])),
  )
  await Promise.all(nodes.slice(0, masters).map((node, index) => giveSlots(node, index, masters)))
  for (const { host, port } of others) {
    await send(first, ['CLUSTER', 'MEET', host, String(port), String(port + busOffset)])
  }
  const replicas = nodes.slice(masters)
  await until(deadline, async () =>
    (await Promise.all(nodes.map((node) => knows(node, nodes.length)))).every(Boolean),
  )
  for (const [index, replica] of replicas.entries()) {
    const master = nodes[index % masters] ?? first
    await send(replica, ['CLUSTER', 'REPLICATE', String(await send(master, ['CLUSTER', 'MYID']))])
  }
  await until(deadline, async () =>
    (await Promise.all(nodes.map((node) => agrees(node, nodes.length, masters)))).every(Boolean),
  )
  await until(deadline, async () => (await Promise.all(replicas.map(isLinked))).every(Boolean))
}

async function giveSlots(node: PrivateRedis, index: number, masters: number): Promise<void> {
  const [from, after] = [index, index + 1].map((each) => Math.floor((each * slots) / masters)) as [
    number,
    number,
  ]
  await send(node, ['CLUSTER', 'ADDSLOTSRANGE', String(from), String(after - 1)])
}

async function knows(node: PrivateRedis, count: number): Promise<boolean> {
  const lines = String(await send(node, ['CLUSTER', 'NODES']))
    .trim()
    .split('\n')
  return (
    lines.length === count &&
    lines.every((line) => !/handshake|noaddr/.test(line) && line.includes(' connected'))
  )
}

async function agrees(node: PrivateRedis, count: number, masters: number): Promise<boolean> {
  const info = String(await send(node, ['CLUSTER', 'INFO']))
  const complete = ['cluster_state:ok', `cluster_slots_ok:${slots}`, `cluster_size:${masters}`]
  if (!complete.every((line) => info.includes(`${line}\r\n`)) || !(await knows(node, count))) return false
  const roles = String(await send(node, ['CLUSTER', 'NODES']))
  return roles.split(/\bslave\b/).length - 1 === count - masters
}

async function isLinked(replica: PrivateRedis): Promise<boolean> {
  return String(await send(replica, ['INFO', 'replication'])).includes('master_link_status:up')
}

async function until(deadline: number, holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`the cluster did not form within ${formWithinMs} ms`)
    await delay(20)
  }
}
