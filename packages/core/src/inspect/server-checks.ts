import { findingsFor, type Feature, type ServerInfo } from '../redis/server.ts'
import { spanText } from './spans.ts'
import type { InspectedCheck as Check } from './types.ts'

type Fields = ReadonlyMap<string, string>

const FULL = 0.9
const SKEWED_MS = 1000
const MB = 1 << 20

/** Checks the settings for the features in use, and the state. `skewMs`: how far the clock of the server is ahead of this machine's. */
export function serverChecks(
  server: ServerInfo,
  fields: Fields,
  skewMs: number,
  used: ReadonlySet<Feature>,
): readonly Check[] {
  return [
    ...settings(server, used),
    memory(fields),
    evicted(fields),
    saving(fields),
    role(fields),
    clock(skewMs),
  ]
}

function settings(server: ServerInfo, used: ReadonlySet<Feature>): readonly Check[] {
  const found = findingsFor(server, used)
  const has = (code: string): Check | undefined => {
    const finding = found.find((each) => each.code === code)
    return finding && { check: code, status: 'problem', text: finding.message }
  }
  return [
    has('old-version') ?? { check: 'version', status: 'ok', text: `version ${server.version ?? 'unknown'}` },
    has('eviction') ?? {
      check: 'eviction',
      status: 'ok',
      text: `maxmemory-policy ${server.evictionPolicy ?? 'unknown'} evicts nothing that is in use`,
    },
    has('persistence') ?? {
      check: 'persistence',
      status: 'ok',
      text: server.appendOnly === false ? 'no durable feature is in use' : 'appendonly is on',
    },
  ]
}

function memory(fields: Fields): Check {
  const used = Number(fields.get('used_memory') ?? 0)
  const most = Number(fields.get('maxmemory') ?? 0)
  const text = `${Math.round(used / MB)} MB in use${most > 0 ? ` of ${Math.round(most / MB)} MB` : ', no maxmemory'}`
  if (most > 0 && used > FULL * most) {
    return {
      check: 'memory',
      status: 'problem',
      text,
      fix: 'at the limit Redis refuses what adds data: raise maxmemory, or purge dead letters and histories',
    }
  }
  return { check: 'memory', status: 'ok', text }
}

function evicted(fields: Fields): Check {
  const keys = Number(fields.get('evicted_keys') ?? 0)
  return keys === 0
    ? { check: 'evicted', status: 'ok', text: 'no key was evicted since the server started' }
    : {
        check: 'evicted',
        status: 'warning',
        text: `${keys} keys were evicted since the server started`,
        fix: 'set maxmemory-policy noeviction, or use a server of its own for penknife',
      }
}

function saving(fields: Fields): Check {
  const failed = [
    ['rdb_last_bgsave_status', 'the last snapshot'],
    ['aof_last_write_status', 'the last write to the append-only file'],
    ['aof_last_bgrewrite_status', 'the last rewrite of the append-only file'],
  ].flatMap(([field = '', what = '']) => ((fields.get(field) ?? 'ok') === 'ok' ? [] : [what]))
  return failed.length === 0
    ? { check: 'saving', status: 'ok', text: 'the last writes to disk succeeded' }
    : {
        check: 'saving',
        status: 'problem',
        text: `${failed.join(', ')} failed`,
        fix: 'look at the log of the server: its disk may be full',
      }
}

function role(fields: Fields): Check {
  const name = fields.get('role') ?? 'unknown'
  if (name === 'slave') {
    return {
      check: 'role',
      status: 'problem',
      text: 'the server is a replica: it takes no writes',
      fix: 'give the address of the master, or connect through Sentinel',
    }
  }
  const replicas = Number(fields.get('connected_slaves') ?? 0)
  return { check: 'role', status: 'ok', text: `it is the master, with ${replicas} replicas` }
}

function clock(skewMs: number): Check {
  const text = `its clock is ${spanText(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} that of this machine`
  return Math.abs(skewMs) < SKEWED_MS
    ? { check: 'clock', status: 'ok', text }
    : {
        check: 'clock',
        status: 'warning',
        text,
        fix: 'run NTP on both: penknife decides by the clock of the server',
      }
}
