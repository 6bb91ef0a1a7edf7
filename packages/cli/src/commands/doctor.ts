import type { InspectedCheck } from '@penknife/core'
import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { COMMANDS, refusedCommands } from '../doctor/permissions.ts'
import { EXIT, Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { visible } from '../text.ts'
import { doctorKeys, type DoctorKeysOptions } from './doctor-keys.ts'

const MARKS = { ok: 'ok', warning: 'warn', problem: 'FAIL' } as const
/** Columns of the marks and of the names of checks. */
const WIDTHS = [6, 13] as const
const TONES = { ok: 'green', warning: 'yellow', problem: 'red' } as const

export function doctorCommand(program: Command, act: Act): void {
  program
    .command('doctor')
    .description('checks the server: version, memory, persistence, permissions, clock; writes nothing')
    .option('--keys', 'walks the keys instead, and reports those that nothing uses; deletes nothing')
    .option('--most <n>', 'with --keys: the most keys to walk, of all programs (default: 1000000)')
    .option('--unlink', 'with --keys: prints only lines for redis-cli that remove the keys that nothing uses')
    .action(
      act<{ readonly keys?: true } & DoctorKeysOptions>((session, _, options) => {
        if (options.keys) return doctorKeys(session, options)
        for (const name of ['most', 'unlink'] as const) {
          if (options[name] !== undefined)
            throw new Failure(EXIT.usage, `--${name} needs --keys: penknife doctor --keys --${name}`)
        }
        return doctor(session)
      }),
    )
}

async function doctor(session: Session): Promise<number> {
  const { output } = session
  output.progress('asking the server')
  const health = await session.penknife.health()
  if (health.status === 'unavailable')
    throw new Failure(EXIT.redis, `Redis is away: ${health.reason ?? 'unknown'}`)
  const { features, checks: found, ...rest } = await session.inspector.server()
  const { kind, version, evictionPolicy, maxMemoryBytes, appendOnly } = rest
  const server = { kind, version, evictionPolicy, maxMemoryBytes, appendOnly }
  const checks: readonly InspectedCheck[] = [...found, await permissions(session)]
  output.progress()
  output.either({ server, features, checks }, () => {
    output.line(
      `${server.kind} ${visible(server.version ?? 'of an unknown version')}, in use: ${features.join(', ') || 'nothing yet'}`,
    )
    for (const { check, status, text: message, fix } of checks) {
      const mark = output.style[TONES[status]](MARKS[status].padEnd(WIDTHS[0]))
      output.line(`${mark}${check.padEnd(WIDTHS[1])}${visible(message)}`)
      if (fix !== undefined) output.line(output.style.dim(' '.repeat(WIDTHS[0] + WIDTHS[1]) + visible(fix)))
    }
  })
  return checks.some(({ status }) => status === 'problem') ? EXIT.no : EXIT.done
}

async function permissions({ raw, reply, prefix }: Session): Promise<InspectedCheck> {
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
