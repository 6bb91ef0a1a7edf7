import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

import type { Journal } from './journal.ts'

/** A fault of a process or of Redis, in the harness's own journal. */
export interface FaultRecord {
  readonly k: 'fault'
  readonly fault: string
  /** The life of the affected process, or the affected part, such as `redis`. */
  readonly on: string
}

/** A role that one process at a time has. When it is killed, another process starts: the next life of the part. */
export interface Part {
  readonly name: string
  /** `<name>.<n>`, as its journal is named. */
  readonly life: string
  readonly frozen: boolean
  /** SIGKILL, and a new life. */
  kill(): Promise<void>
  /** SIGTERM: the process ends by itself, then a new life. */
  replace(): Promise<void>
  freeze(): void
  thaw(): void
  /** SIGTERM, for good; resolves with its exit code. */
  end(): Promise<number | null>
  /** Resolves when it has ended, with its exit code; null if it was killed. */
  readonly ended: Promise<number | null>
}

export interface Cast {
  readonly parts: readonly Part[]
  start(name: string, program: string, config: object): Part
  /** SIGKILL to all remaining processes, for good. */
  end(): Promise<void>
}

export function createCast(folder: string, journal: Journal<FaultRecord>): Cast {
  const parts: Part[] = []
  const children = new Set<ChildProcess>()
  let over = false

  function spawned(life: string, program: string, config: object): ChildProcess {
    const child = spawn(process.execPath, [program, JSON.stringify({ ...config, folder, life })], {
      // The program ends when its standard input ends, which is when this process ends (ends-with-parent.ts).
      stdio: ['pipe', 'ignore', 'inherit'],
      // Without warnings about Redis, which is away on purpose.
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
    })
    children.add(child)
    child.once('exit', (code) => {
      children.delete(child)
      // A killed process has no code. A successful one has 0.
      if (code) journal.write({ k: 'fault', fault: `ended with ${code}`, on: life })
    })
    return child
  }

  function start(name: string, program: string, config: object): Part {
    let lives = 1
    let child = spawned(`${name}.1`, program, config)
    let frozen = false
    let closing = false
    const life = (): string => `${name}.${lives}`
    const exit = async (): Promise<number | null> => {
      const mine = child
      if (mine.exitCode === null && mine.signalCode === null) await once(mine, 'exit')
      // One that was started a moment ago does not handle SIGTERM yet, and has done nothing.
      return mine.signalCode === 'SIGTERM' ? 0 : mine.exitCode
    }
    const note = (fault: string): void => journal.write({ k: 'fault', fault, on: life() })
    const next = (): void => {
      if (closing || over) return
      lives += 1
      frozen = false
      child = spawned(life(), program, config)
    }
    const part: Part = {
      name,
      get life() {
        return life()
      },
      get frozen() {
        return frozen
      },
      async kill() {
        note('kill')
        const gone = exit()
        child.kill('SIGKILL')
        await gone
        next()
      },
      async replace() {
        note('replace')
        const gone = exit()
        child.kill('SIGTERM')
        await gone
        next()
      },
      freeze() {
        note('freeze')
        frozen = true
        child.kill('SIGSTOP')
      },
      thaw() {
        note('thaw')
        frozen = false
        child.kill('SIGCONT')
      },
      async end() {
        closing = true
        const gone = exit()
        child.kill('SIGTERM')
        return gone
      },
      get ended() {
        return exit()
      },
    }
    parts.push(part)
    return part
  }

  return {
    parts,
    start,
    async end() {
      over = true
      await Promise.all(
        [...children].map(async (child) => {
          const gone = once(child, 'exit')
          child.kill('SIGKILL')
          await gone
        }),
      )
    },
  }
}
