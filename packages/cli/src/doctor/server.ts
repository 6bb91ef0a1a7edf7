import type { ServerInfo } from '@penknife/core'

import { span } from '../spans.ts'

export interface Check {
  readonly check: string
  readonly status: 'ok' | 'warning' | 'problem'
  readonly text: string
  /** What to do. */
  readonly fix?: string
}

type Fields = ReadonlyMap<string, string>

/** The fields of INFO that penknife's own checks use. */
export function toServerInfo(fields: Fields): ServerInfo {
  const valkey = fields.get('valkey_version')
  const most = fields.get('maxmemory')
  const aof = fields.get('aof_enabled')
  return {
    kind: valkey === undefined ? 'redis' : 'valkey',
    version: valkey ?? fields.get('redis_version'),
    evictionPolicy: fields.get('maxmemory_policy'),
    maxMemoryBytes: most === undefined ? undefined : Number(most),
    appendOnly: aof === undefined ? undefined : aof === '1',
  }
}

const FULL = 0.9
const SKEWED_MS = 1000
const MB = 1 << 20

/** Checks of the state of the server, beside its settings. */
export function serverChecks(fields: Fields, skewMs: number): readonly Check[] {
  return [memory(fields), evicted(fields), saving(fields), role(fields), clock(skewMs)]
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
  const text = `its clock is ${span(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} that of this machine`
  return Math.abs(skewMs) < SKEWED_MS
    ? { check: 'clock', status: 'ok', text }
    : {
        check: 'clock',
        status: 'warning',
        text,
        fix: 'run NTP on both: penknife decides by the clock of the server',
      }
}
