import { join } from 'node:path'
import type { Machine } from '../../packages/testing/src/server/process.ts'
import { temporaryFolder } from './helpers.ts'

export interface PretendedMachine extends Machine {
  readonly home: string
  /** The log of the search. */
  readonly lines: string[]
}

/** A machine with an empty home folder, whose PATH is the folder `bin` in it. */
export async function machine(platform: NodeJS.Platform): Promise<PretendedMachine> {
  const home = await temporaryFolder()
  const lines: string[] = []
  const env = { HOME: home, PATH: join(home, 'bin') }
  return { home, lines, platform, env, log: (line) => void lines.push(line) }
}

/** The shell line of a fake server that prints its version. */
export function versionLine(kind: 'Redis' | 'Valkey', version: string): string {
  return `echo '${kind} server v=${version} sha=00000000:0 malloc=libc bits=64 build=0'`
}
