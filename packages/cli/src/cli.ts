import { PenknifeError } from '@penknife/core'
import { Command, CommanderError } from 'commander'

import { createAct } from './act.ts'
import { boardCommands } from './commands/board.ts'
import { channelCommands } from './commands/channel.ts'
import { deadCommands } from './commands/dead.ts'
import { doctorCommand } from './commands/doctor.ts'
import { explainCommands } from './commands/explain.ts'
import { limitCommands } from './commands/limits.ts'
import { lockCommands } from './commands/locks.ts'
import { overviewCommand } from './commands/overview.ts'
import { streamCommands } from './commands/streams.ts'
import { uiCommand } from './commands/ui.ts'
import { EXIT, Failure } from './failure.ts'
import type { Streams } from './output.ts'
import { visible } from './text.ts'

/** The longest message of an error that is printed. */
const LONGEST = 1000

const CLUSTER_HINT = '\nThe server is a node of a Redis Cluster: give --cluster'

const EPILOGUE = `
Redis: --redis, or the variable PENKNIFE_REDIS or REDIS_URL. A variable keeps the password out of the list of processes.

Exit codes: 0 done; 1 nothing found, problems found, or you said no; 2 wrong command or argument; 3 Redis is away or refused; 130 interrupted.`

/**
 * Runs the command line with these arguments (without those of Node). Never rejects.
 *
 * @returns the exit code
 */
export async function runCli(
  args: readonly string[],
  streams: Streams,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  let code: number = EXIT.done
  const program = createProgram(streams)
  const act = createAct(streams, signal, (ended) => (code = ended))
  const registers = [
    overviewCommand,
    streamCommands,
    deadCommands,
    limitCommands,
    boardCommands,
    channelCommands,
    lockCommands,
    explainCommands,
    doctorCommand,
    uiCommand,
  ]
  for (const register of registers) register(program, act)
  inherit(program)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    return report(error, streams, signal, program.opts<{ cluster?: boolean }>().cluster === true)
  }
}

function createProgram({ stdout, stderr }: Streams): Command {
  return new Command('penknife')
    .description('See and repair what penknife has in Redis.')
    .option(
      '--redis <url>',
      'such as redis://user:password@host:6379/0; rediss:// for TLS; or the path of a unix socket',
    )
    .option('--cluster', 'the server is a node of a Redis Cluster')
    .option('--sentinel <addresses>', 'Sentinels, such as host:26379,host:26379, that know the master')
    .option('--master <name>', 'the name of the master, with --sentinel; otherwise mymaster')
    .option('--prefix <text>', 'the keyPrefix of the application')
    .option('--space <name>', 'the space; not needed when there is only one')
    .option('--deadline <time>', 'how long a call of Redis may take', '5s')
    .option('--json', 'print JSON for scripts')
    .option('--yes', 'do not ask before something is destroyed')
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      // Messages quote the arguments, which may be pasted from anywhere.
      writeErr: (text) =>
        void stderr.write(
          text
            .split('\n')
            .map((line) => visible(line))
            .join('\n'),
        ),
    })
    .exitOverride()
    .showHelpAfterError('(--help shows the options)')
    .addHelpText('after', EPILOGUE)
}

/** Subcommands print and end as the program does. */
function inherit(command: Command): void {
  for (const each of command.commands) {
    each.copyInheritedSettings(command)
    inherit(each)
  }
}

function report(error: unknown, { stderr }: Streams, signal: AbortSignal, cluster: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
  if (signal.aborted && !(error instanceof Failure)) {
    stderr.write('interrupted\n')
    return EXIT.interrupted
  }
  const message = error instanceof Error ? error.message : String(error)
  const hint = !cluster && /\bMOVED \d/.test(message) ? CLUSTER_HINT : ''
  stderr.write(`${visible(message.trim(), LONGEST)}${hint}\n`)
  if (error instanceof Failure) return error.exit
  if (error instanceof PenknifeError) return error.outage ? EXIT.redis : exitOf(error)
  return EXIT.redis
}

function exitOf({ code }: PenknifeError): number {
  return code === 'PENKNIFE_INVALID' ? EXIT.usage : code === 'PENKNIFE_REJECTED' ? EXIT.redis : EXIT.no
}
