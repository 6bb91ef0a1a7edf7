import { PenknifeError } from '../errors.ts'
import type { Line } from './driver.ts'
import { isReply } from './failures.ts'

/** What the features ask of a server. */
export type Feature =
  | 'limiter'
  | 'stream'
  | 'leaderboard'
  | 'notifier'
  | 'counters'
  | 'once'
  | 'deduper'
  | 'lock'
  | 'semaphore'
  | 'objects'

/** The server as INFO describes it; a field is undefined where the server does not tell. */
export interface ServerInfo {
  readonly kind: 'redis' | 'valkey'
  readonly version: string | undefined
  readonly evictionPolicy: string | undefined
  readonly maxMemoryBytes: number | undefined
  readonly appendOnly: boolean | undefined
}

/** A setting of the server that does not fit what the application uses. */
export interface ServerFinding {
  readonly code: 'old-version' | 'eviction' | 'persistence' | 'unreadable'
  readonly message: string
}

/** Asks the server for its version, memory limits and persistence: one INFO. */
async function lookAtServer(connection: Line): Promise<ServerInfo> {
  const fields = new Map<string, string>()
  const text: unknown = await connection.call('info')
  if (typeof text !== 'string') throw new PenknifeError('PENKNIFE_BAD_REPLY', `INFO replied ${String(text)}`)
  for (const line of text.split('\r\n')) {
    const at = line.indexOf(':')
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1))
  }
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
  'deduper',
  'lock',
  'semaphore',
  'objects',
]
/** Those whose keys have a TTL, so that a volatile-* policy may evict them too. */
const EXPIRING: ReadonlySet<Feature> = new Set<Feature>(['notifier', 'once', 'deduper', 'lock', 'semaphore'])

const PERSISTENT: readonly Feature[] = ['stream', 'leaderboard', 'counters', 'objects']

/** What in a server's settings does not fit the features in use. */
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
  /** Asks the server, now that it is there. */
  look(): void
  use(feature: Feature): void
  server(): ServerInfo | undefined
  findings(): readonly ServerFinding[]
}

/** Holds the server's settings against the features in use. `tell` may be called with a finding again. */
export function watchServer(line: Line, tell: (finding: ServerFinding) => void): ServerWatch {
  const used = new Set<Feature>()
  let server: ServerInfo | undefined
  let unreadable: ServerFinding | undefined
  const findings = (): readonly ServerFinding[] => {
    if (unreadable) return [unreadable]
    return server ? findingsFor(server, used) : []
  }
  const tellAll = (): void => findings().forEach(tell)
  return {
    look() {
      lookAtServer(line).then(
        (found) => {
          server = found
          unreadable = undefined
          tellAll()
        },
        (error: unknown) => {
          // Gone again: the next connection looks. A reply is a server that does not let us look.
          if (!isReply(error) && !(error instanceof PenknifeError)) return
          unreadable = {
            code: 'unreadable',
            message: `the server's settings cannot be read: ${String(error)}`,
          }
          tellAll()
        },
      )
    },
    use(feature) {
      used.add(feature)
      tellAll()
    },
    server: () => server,
    findings,
  }
}
