import { run } from './process.ts'

/** A server program and what it needs to run. */
export interface ServerBinary {
  readonly command: string
  /** Variables to add to the environment, such as LD_LIBRARY_PATH. */
  readonly env: NodeJS.ProcessEnv
  readonly kind: 'redis' | 'valkey'
  readonly version: string
}

export const oldestSupported: Readonly<Record<ServerBinary['kind'], string>> = { redis: '7.0', valkey: '8.0' }

/** Asks a program for its version; rejects when it does not run or is no Redis or Valkey server. */
export async function inspect(
  command: string,
  base: NodeJS.ProcessEnv,
  extra: NodeJS.ProcessEnv = {},
): Promise<ServerBinary> {
  const output = await run(command, ['--version'], { env: { ...base, ...extra }, timeoutMs: 10_000 })
  const match = /\b(redis|valkey) server v=(\d+(?:\.\d+)*)/i.exec(output)
  if (match === null) throw new Error(`${command} is not a Redis or Valkey server`)
  const kind = match[1]?.toLowerCase() === 'valkey' ? 'valkey' : 'redis'
  return { command, env: extra, kind, version: match[2] ?? '' }
}

export function isNewEnough(kind: ServerBinary['kind'], version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = oldestSupported[kind].split('.').map(Number)
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
}

export function tooOld(found: ServerBinary): string {
  return `${found.command} is ${found.kind} ${found.version}, older than ${oldestSupported[found.kind]}`
}
