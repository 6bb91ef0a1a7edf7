import type { ClusterOptions } from 'ioredis'

import type { PrivateCluster } from '../../scripts/redis/cluster.ts'
import { type Proxy, startProxy } from './proxy.ts'

/** A proxy in front of every node of a cluster; `options` make ioredis go through them. */
export async function startProxies(
  cluster: PrivateCluster,
): Promise<{ readonly proxies: readonly Proxy[]; readonly options: ClusterOptions }> {
  const proxies = await Promise.all(cluster.nodes.map((node) => startProxy(node)))
  const natMap: NonNullable<ClusterOptions['natMap']> = {}
  for (const [at, { host, port }] of cluster.nodes.entries()) {
    natMap[`${host}:${port}`] = { host: '127.0.0.1', port: proxies[at]?.port ?? 0 }
  }
  return { proxies, options: { natMap } }
}
