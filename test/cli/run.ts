import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'

import { runCli } from '@penknife/cli'

import { bundledProgram } from '../support/program.ts'

/** How a run of the command line ended. */
export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command line that is running. */
export interface Running {
  readonly ended: Promise<Run>
  /** Resolves when it printed a text, to stdout or stderr; rejects if it ends without. */
  printed(text: string): Promise<void>
  signal(name: NodeJS.Signals): void
}

/** A busy machine takes its time. An option of the test comes later, and wins. */
const PATIENT = ['--deadline', '30s']

/** Starts the command line as a process of its own, without a terminal. */
export function start(redis: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  return follow(process.execPath, [bundledProgram('cli'), ...PATIENT, ...args], {
    PENKNIFE_REDIS: redis,
    ...env,
  })
}

/** Runs it to its end, in this process, because a process of its own needs about 0.2 s of a core to start. */
export function penknife(redis: string, ...args: readonly string[]): Promise<Run> {
  return runHere(redis, args, {})
}

/** The same on streams that are those of a terminal of 100 columns. Both are in `stdout`, as a terminal shows them. */
export async function onTerminal(redis: string, args: readonly string[]): Promise<Run> {
  const { code, stdout, stderr } = await runHere(redis, args, { isTTY: true, columns: 100 })
  return { code, stdout: `${stdout}${stderr}`, stderr: '' }
}

async function runHere(
  redis: string,
  args: readonly string[],
  terminal: { readonly isTTY?: boolean; readonly columns?: number },
): Promise<Run> {
  const stdin = Object.assign(new PassThrough(), terminal)
  const stdout = Object.assign(new PassThrough(), terminal)
  const stderr = Object.assign(new PassThrough(), terminal)
  const env = { PENKNIFE_REDIS: redis, TERM: 'xterm-256color' }
  stdin.end()
  const code = await runCli([...PATIENT, ...args], { stdin, stdout, stderr, env })
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

/** What it printed with --json, and its exit code. */
export async function json(
  redis: string,
  ...args: readonly string[]
): Promise<{ code: number | null; value: unknown }> {
  const { code, stdout, stderr } = await penknife(redis, '--json', ...args)
  try {
    return { code, value: JSON.parse(stdout) as unknown }
  } catch (error) {
    throw new Error(`no JSON: ${stdout}${stderr}`, { cause: error })
  }
}

/**
 * Runs it in a terminal of 100 columns, which `script` of util-linux makes, with `typed` as what a person types. Everything that the
 * terminal would show is in `stdout`.
 */
export function inTerminal(redis: string, args: readonly string[], typed: string = ''): Promise<Run> {
  const command = [process.execPath, bundledProgram('cli'), ...PATIENT, ...args].map(quoted).join(' ')
  const terminal = follow(
    'script',
    ['-qec', `stty cols 100; ${command}`, '/dev/null'],
    { PENKNIFE_REDIS: redis },
    typed,
  )
  return terminal.ended
}

/** Runs a line of a shell that begins with a command of it. */
export function inShell(redis: string, line: string): Promise<Run> {
  const program = [process.execPath, bundledProgram('cli')].map(quoted).join(' ')
  return follow('sh', ['-c', `${program} ${line}`], { PENKNIFE_REDIS: redis }).ended
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function follow(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  typed: string = '',
): Running {
  const { NO_COLOR: _no, FORCE_COLOR: _force, REDIS_URL: _url, ...inherited } = process.env
  const child = spawn(command, args, {
    env: { ...inherited, TERM: 'xterm-256color', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => {})
  child.stdin.end(typed)
  const text = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
      for (const check of waiting) check()
    })
  }
  let over = false
  const ended = once(child, 'close').then(([code]) => {
    over = true
    for (const check of waiting) check()
    return { code: code as number | null, ...text }
  })
  return {
    ended,
    signal: (name) => void child.kill(name),
    printed: (part) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const found = `${text.stdout}${text.stderr}`.includes(part)
          if (!found && !over) return
          waiting.delete(check)
          if (found) resolve()
          else reject(new Error(`it ended without printing ${part}: ${text.stdout}${text.stderr}`))
        }
        waiting.add(check)
        check()
      }),
  }
}
