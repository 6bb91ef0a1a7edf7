import type { Space } from '../redis/penknife.ts'
import { infoFields, toServerInfo } from '../redis/server.ts'
import { serverChecks } from './server-checks.ts'
import type { InspectedServer, InspectFeature } from './types.ts'

/** Reads the server's state and checks it: one INFO and one TIME. */
export async function readServer(
  { runtime }: Space,
  used: ReadonlySet<InspectFeature>,
): Promise<InspectedServer> {
  const before = Date.now()
  const [time, info] = await Promise.all([runtime.ask('time'), runtime.ask('info')])
  const after = Date.now()
  const [seconds, micros] = time as readonly [number | string, number | string]
  const skewMs = Number(seconds) * 1000 + Number(micros) / 1000 - (before + after) / 2
  const fields = infoFields(info)
  const number = (name: string): number => Number(fields.get(name) ?? 0)
  const server = toServerInfo(fields)
  return {
    ...server,
    usedMemoryBytes: number('used_memory'),
    clients: number('connected_clients'),
    commandsPerSecond: number('instantaneous_ops_per_sec'),
    uptimeMs: number('uptime_in_seconds') * 1000,
    features: [...used].toSorted(),
    checks: serverChecks(server, fields, skewMs, used),
  }
}
