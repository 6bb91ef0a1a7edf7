import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

import { bundledProgram } from './program.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A Node process of its own that runs one of test/support/programs and writes JSON, a value a line. */
export interface Child {
  /** The next value it writes. */
  next<Value>(): Promise<Value>
  /** Its exit code and its standard error, when it has ended by itself. */
  ended(): Promise<{ readonly code: number | null; readonly stderr: string }>
  readonly process: ChildProcess
}

export function startProgram(program: string, args: readonly string[], flags: readonly string[] = []): Child {
  const child = spawnProgram(program, args, flags)
  onTestFinished(() => void child.process.kill('SIGKILL'))
  return child
}

/** The same for several tests: the caller ends it. */
export function spawnProgram(program: string, args: readonly string[], flags: readonly string[] = []): Child {
  const child = spawn(process.execPath, [...flags, bundledProgram(program), ...args], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const exit = once(child, 'close') as Promise<[number | null]>
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    process: child,
    async next<Value>() {
      const { done, value } = await lines.next()
      if (done) throw new Error(`the program ended without a word:\n${stderr}`)
      return JSON.parse(value) as Value
    },
    async ended() {
      const [code] = await exit
      return { code, stderr }
    },
  }
}
