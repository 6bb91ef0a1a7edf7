import type { Redis } from 'ioredis'

export interface RedisUsage {
  /** User and system time of the whole Redis processes since they started. */
  readonly cpuUs: number
  /** Time inside the named commands since it started. */
  readonly timeUs: number
}

/** The usage of several servers so far, added up. */
export async function redisUsage(
  servers: readonly Redis[],
  commands: readonly string[],
): Promise<RedisUsage> {
  const usages = await Promise.all(servers.map((redis) => usageOf(redis, commands)))
  return {
    cpuUs: usages.reduce((sum, usage) => sum + usage.cpuUs, 0),
    timeUs: usages.reduce((sum, usage) => sum + usage.timeUs, 0),
  }
}

/**
 * The usage of Redis so far. Only commands that the client sent are counted: the time of an EVALSHA includes the
 * commands of its script, which INFO lists again under their own names.
 */
async function usageOf(redis: Redis, commands: readonly string[]): Promise<RedisUsage> {
  const cpu = fieldsOf(await redis.info('cpu'))
  const stats = fieldsOf(await redis.info('commandstats'))
  const seconds = Number(cpu.get('used_cpu_user')) + Number(cpu.get('used_cpu_sys'))
  let timeUs = 0
  for (const command of commands) {
    timeUs += Number(/usec=(\d+)/.exec(stats.get(`cmdstat_${command}`) ?? '')?.[1] ?? 0)
  }
  return { cpuUs: seconds * 1e6, timeUs }
}

function fieldsOf(info: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of info.split('\r\n')) {
    const at = line.indexOf(':')
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1))
  }
  return fields
}
