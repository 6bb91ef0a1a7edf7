import { PenknifeError } from '../errors.ts'
import type { Line } from './driver.ts'
import { isReply } from './failures.ts'
import { missingMessage, type Optional } from './missing-commands.ts'

/** The features that have demands on a server's settings. */
export type Feature =
  | 'limiter'
  | 'stream'
  | 'leaderboard'
  | 'notifier'
  | 'counters'
  | 'once'
  | 'requests'
  | 'deduper'
  | 'lock'
  | 'semaphore'
  | 'objects'

/** The server as INFO describes it. A field is undefined if INFO does not contain it. */
export interface ServerInfo {
  readonly kind: 'redis' | 'valkey'
  readonly version: string | undefined
  readonly evictionPolicy: string | undefined
  readonly maxMemoryBytes: number | undefined
  readonly appendOnly: boolean | undefined
}

/** A setting of the server that does not fit the features in use. */
export interface ServerFinding {
  readonly code: 'old-version' | 'eviction' | 'persistence' | 'unreadable' | 'missing-command'
  readonly message: string
}

/** Asks the server for its version, memory limits and persistence: one INFO. */
async function lookAtServer(connection: Line): Promise<ServerInfo> {
  return toServerInfo(infoFields(await connection.call('info')))
}

/** The fields of a reply of INFO. */
export function infoFields(text: unknown): ReadonlyMap<string, string> {
  if (typeof text !== 'string') throw new PenknifeError('PENKNIFE_BAD_REPLY', `INFO replied ${String(text)}`)
  const fields = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    const at = line.indexOf(':')
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1))
  }
  return fields
}

export function toServerInfo(fields: ReadonlyMap<string, string>): ServerInfo {
  const valkey = fields.get('valkey_version')
  const memory = fields.get('maxmemory')
  const aof = fields.get('aof_enabled')
  return {
    kind: valkey ? 'valkey' : 'redis',
    version: valkey ?? fields.get('redis_version'),
    evictionPolicy: fields.get('maxmemory_policy'),
    maxMemoryBytes: memory === undefined ? undefined : Number(memory),
    appendOnly: aof === undefined ? undefined : aof === '1',
  }
}

const DURABLE: readonly Feature[] = [
  'stream',
  'leaderboard',
  'notifier',
  'counters',
  'once',
  'requests',
  'deduper',
  'lock',
  'semaphore',
  'objects',
]
/** Features whose keys have a TTL, so that a volatile-* policy may evict them too. */
const EXPIRING: ReadonlySet<Feature> = new Set<Feature>([
  'notifier',
  'once',
  'requests',
  'deduper',
  'lock',
  'semaphore',
])

const PERSISTENT: readonly Feature[] = ['stream', 'leaderboard', 'counters', 'objects']

/** The settings of the server that do not fit the features in use. */
export function findingsFor(server: ServerInfo, used: ReadonlySet<Feature>): readonly ServerFinding[] {
  const findings: ServerFinding[] = []
  const major = Number.parseInt(server.version ?? '', 10)
  const oldest = server.kind === 'valkey' ? 8 : 7
  if (major < oldest) {
    findings.push({
      code: 'old-version',
      message: `${server.kind} ${server.version} is older than ${oldest}.0, which penknife needs`,
    })
  }
  const policy = server.maxMemoryBytes === 0 ? '' : (server.evictionPolicy ?? '')
  const evictable = DURABLE.filter(
    (feature) =>
      used.has(feature) &&
      (policy.startsWith('allkeys-') || (policy.startsWith('volatile-') && EXPIRING.has(feature))),
  )
  if (evictable.length > 0) {
    findings.push({
      code: 'eviction',
      message: `maxmemory-policy ${policy} can evict the data of ${evictable.join(', ')}: use noeviction, or a server of its own`,
    })
  }
  if (server.appendOnly === false && PERSISTENT.some((feature) => used.has(feature))) {
    findings.push({
      code: 'persistence',
      message:
        'appendonly is off: stream entries, scores, counters and objects since the last snapshot are lost when Redis crashes',
    })
  }
  return findings
}

export interface ServerWatch {
  /** Reads the server's settings. Call it when the server is connected. */
  inspect(): void
  /** Reports the outcome of an optional command: the server may not know it, or the user may not run it. */
  tried(command: Optional, error?: unknown): void
  use(feature: Feature): void
  server(): ServerInfo | undefined
  findings(): readonly ServerFinding[]
}

/** Checks the server's settings for the features in use. `report` may get a finding again. `key` is a key that penknife may read. */
export function watchServer(line: Line, key: string, report: (finding: ServerFinding) => void): ServerWatch {
  const used = new Set<Feature>()
  let server: ServerInfo | undefined
  let unreadable: ServerFinding | undefined
  const missing = new Map<Optional, ServerFinding>()
  /** Whether the optional commands of streams were tested on the present server. */
  let askedForStreams = false
  const findings = (): readonly ServerFinding[] => {
    const ofSettings = server ? findingsFor(server, used) : []
    return [...(unreadable ? [unreadable] : ofSettings), ...missing.values()]
  }
  const reportAll = (): void => findings().forEach(report)
  function tried(command: Optional, error?: unknown): void {
    const message = missingMessage(command, error)
    if (message === undefined) {
      if (error === undefined) missing.delete(command)
      return
    }
    const finding = { code: 'missing-command', message } as const
    missing.set(command, finding)
    report(finding)
  }

  function ask(command: Optional, ...args: readonly [string, ...string[]]): void {
    const [name, ...others] = args
    line.call(name, ...others).then(
      () => tried(command),
      (error: unknown) => tried(command, error),
    )
  }

  function askForStreams(): void {
    if (askedForStreams || !used.has('stream') || !line.ready) return
    askedForStreams = true
    ask('MEMORY USAGE', 'memory', 'usage', key)
  }

  return {
    tried,
    inspect() {
      // What is missing stays until it is tried with success: another connection may have tried it first.
      askedForStreams = false
      ask('CLIENT', 'client', 'getname')
      askForStreams()
      lookAtServer(line).then(
        (found) => {
          server = found
          unreadable = undefined
          reportAll()
        },
        (error: unknown) => {
          // Without a reply the connection is gone, and the next one reads the settings. An error reply is a refusal.
          if (!isReply(error) && !(error instanceof PenknifeError)) return
          unreadable = {
            code: 'unreadable',
            message: `the server's settings cannot be read: ${String(error)}`,
          }
          reportAll()
        },
      )
    },
    use(feature) {
      used.add(feature)
      askForStreams()
      reportAll()
    },
    server: () => server,
    findings,
  }
}
