import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { inject } from 'vitest'

export interface RunningProgram extends AsyncDisposable {
  readonly pid: number
  /** Resolves with the first match in its output. Fails if it ends without one. */
  printed(pattern: RegExp): Promise<string>
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>
  /** SIGKILL by default; resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>
}

/** The bundled form of a program of test/support/programs, or of an example: `example-<name>`. */
export function bundledProgram(name: string): string {
  return join(inject('programs'), `${name}.mjs`)
}

/** Runs a bundled program of this repository as a process of its own. */
export function runProgram(
  path: string,
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): RunningProgram {
  const child = spawn(process.execPath, [path, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const waiting = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      for (const look of waiting) look()
    })
  }
  const ended = once(child, 'close').then(([code]) => {
    for (const look of waiting) look()
    return { code: code as number | null, output }
  })
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    child.kill(signal)
    await ended
  }
  return {
    pid: child.pid as number,
    ended,
    printed(pattern) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(output)
          if (!found && child.exitCode === null && child.signalCode === null) return
          waiting.delete(look)
          if (found) resolve(found[0])
          else reject(new Error(`it ended without printing ${pattern}:\n${output}`))
        }
        waiting.add(look)
        look()
      })
    },
    kill,
    [Symbol.asyncDispose]: () => kill(),
  }
}
