import type { InspectFeature, ServerInfo } from '@penknife/core'
import { findingsFor } from '@penknife/core/internal'
import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { COMMANDS, refusedCommands } from '../doctor/permissions.ts'
import { type Check, serverChecks, toServerInfo } from '../doctor/server.ts'
import { EXIT, Failure } from '../failure.ts'
import { allPages } from '../pages.ts'
import type { Session } from '../session.ts'
import { visible } from '../text.ts'

const MARKS = { ok: 'ok', warning: 'warn', problem: 'FAIL' } as const
/** Columns of the marks and of the names of checks. */
const WIDTHS = [6, 13] as const
const TONES = { ok: 'green', warning: 'yellow', problem: 'red' } as const

export function doctorCommand(program: Command, act: Act): void {
  program
    .command('doctor')
    .description('checks the server: version, memory, persistence, permissions, clock; writes nothing')
    .action(act((session) => doctor(session)))
}

async function doctor(session: Session): Promise<number> {
  const { output } = session
  output.progress('asking the server')
  const health = await session.penknife.health()
  if (health.status === 'unavailable')
    throw new Failure(EXIT.redis, `Redis is away: ${health.reason ?? 'unknown'}`)
  const fields = fieldsOf(await session.reply(session.raw.info()))
  const server = toServerInfo(fields)
  const used = await usedFeatures(session)
  const checks: readonly Check[] = [
    ...settingChecks(server, used),
    ...serverChecks(fields, await skewMs(session)),
    await permissions(session),
  ]
  output.progress()
  output.either({ server, features: [...used].toSorted(), checks }, () => {
    output.line(
      `${server.kind} ${visible(server.version ?? 'of an unknown version')}, in use: ${[...used].toSorted().join(', ') || 'nothing yet'}`,
    )
    for (const { check, status, text: message, fix } of checks) {
      const mark = output.style[TONES[status]](MARKS[status].padEnd(WIDTHS[0]))
      output.line(`${mark}${check.padEnd(WIDTHS[1])}${visible(message)}`)
      if (fix !== undefined) output.line(output.style.dim(' '.repeat(WIDTHS[0] + WIDTHS[1]) + visible(fix)))
    }
  })
  return checks.some(({ status }) => status === 'problem') ? EXIT.no : EXIT.done
}

/** The features of all registered objects. */
async function usedFeatures({ inspector }: Session): Promise<ReadonlySet<InspectFeature>> {
  const used = new Set<InspectFeature>()
  for (const { name } of await allPages((page) => inspector.spaces(page))) {
    const { objects } = await inspector.totals(name)
    for (const feature of Object.keys(objects)) used.add(feature as InspectFeature)
  }
  return used
}

function settingChecks(server: ServerInfo, used: ReadonlySet<InspectFeature>): readonly Check[] {
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

async function permissions({ raw, reply, prefix }: Session): Promise<Check> {
  let refused: readonly string[]
  try {
    refused = await reply(refusedCommands(raw, prefix))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { check: 'permissions', status: 'warning', text: `permissions could not be tried: ${why}` }
  }
  return refused.length === 0
    ? {
        check: 'permissions',
        status: 'ok',
        text: `the user may run ${COMMANDS.length} commands that were tried`,
      }
    : {
        check: 'permissions',
        status: 'problem',
        text: `the user may not run ${refused.join(', ')}`,
        fix: 'docs/operations.md has the ACL rule of a user with the rights that penknife needs',
      }
}

/** How far the clock of the server is ahead of this machine's, in milliseconds. */
async function skewMs({ raw, reply }: Session): Promise<number> {
  const before = Date.now()
  const [seconds, micros] = (await reply(raw.time())) as unknown as readonly [
    number | string,
    number | string,
  ]
  const after = Date.now()
  return Number(seconds) * 1000 + Number(micros) / 1000 - (before + after) / 2
}

function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    const at = line.indexOf(':')
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1))
  }
  return fields
}
