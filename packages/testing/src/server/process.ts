import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** What a search may know of the machine it runs on; tests pretend another one. */
export interface Machine {
  readonly env: NodeJS.ProcessEnv
  readonly platform: NodeJS.Platform
  readonly log: (line: string) => void
}

export interface RunOptions {
  readonly env: NodeJS.ProcessEnv
  readonly cwd?: string | undefined
  readonly timeoutMs?: number | undefined
}

/** Runs a program to its end and gives its standard output; rejects with its last words when it fails. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { env, cwd, timeoutMs = 300_000 } = options
  const settings = {
    env,
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
    ...(cwd === undefined ? {} : { cwd }),
  }
  return new Promise((resolve, reject) => {
    execFile(command, [...args], settings, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const words = lastLines(stderr, 3) || error.message
      reject(new Error(`${[command, ...args].join(' ')} failed: ${words}`, { cause: error }))
    })
  })
}

export function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n')
}

/** Every executable of that name on the PATH, in the order of the PATH. */
export async function onPath(name: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const found: string[] = []
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, name)
    if (folder !== '' && (await isExecutable(file))) found.push(file)
  }
  return found
}

export async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}
