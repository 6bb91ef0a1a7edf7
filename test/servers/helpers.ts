import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

import { bundledProgram } from '../support/program.ts'

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'penknife-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A program that the shell runs, in a folder that a pretended PATH can name. */
export async function fakeProgram(file: string, ...lines: readonly string[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, ['#!/bin/sh', ...lines, ''].join('\n'))
  await chmod(file, 0o755)
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

interface Owner {
  readonly process: ChildProcess
  readonly pid: number
  readonly dir: string
}

/** A separate Node process that has started a Redis. `then` is its next step. */
export async function ownerProcess(then: 'wait' | 'return' | 'throw'): Promise<Owner> {
  const child = spawn(process.execPath, [bundledProgram('server-owner'), then], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { pid, dir } = JSON.parse(line) as { pid: number; dir: string }
  return { process: child, pid, dir }
}
