import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

import type { Journal } from './journal.ts'

/** What happened to processes and to Redis, in the harness' own journal. */
export interface FaultRecord {
  readonly k: 'fault'
  readonly fault: string
  /** The life of the process it struck, or what else. */
  readonly on: string
}

/** A part that a process plays; when one is killed the next life of the part begins. */
export interface Part {
  readonly name: string
  /** `<name>.<n>`, as its journal is named. */
  readonly life: string
  readonly frozen: boolean
  /** SIGKILL, and a new life. */
  kill(): Promise<void>
  /** SIGTERM: it ends by itself, then a new life. */
  replace(): Promise<void>
  freeze(): void
  thaw(): void
  /** SIGTERM, for good; resolves with its exit code. */
  end(): Promise<number | null>
  /** Resolves when it ended by itself, or was killed; null while it was killed. */
  readonly ended: Promise<number | null>
}

export interface Cast {
  readonly parts: readonly Part[]
  start(name: string, program: string, config: object): Part
  /** SIGKILL to all that is left. */
  end(): Promise<void>
}

export function createCast(folder: string, journal: Journal<FaultRecord>): Cast {
  const parts: Part[] = []
  const children = new Set<ChildProcess>()

  function spawned(life: string, program: string, config: object): ChildProcess {
    const child = spawn(process.execPath, [program, JSON.stringify({ ...config, folder, life })], {
      // Its standard input ends with this process, and it does then (bundle.ts).
      stdio: ['pipe', 'ignore', 'inherit'],
      // That Redis is away is no news here.
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
    })
    children.add(child)
    child.once('exit', (code) => {
      children.delete(child)
      // One that is killed has no code; one that ends well ends with 0.
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
    const exit = (): Promise<number | null> =>
      child.exitCode === null && child.signalCode === null
        ? once(child, 'exit').then(([code]) => code as number | null)
        : Promise.resolve(child.exitCode)
    const told = (fault: string): void => journal.write({ k: 'fault', fault, on: life() })
    const next = (): void => {
      if (closing) return
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
        told('kill')
        const gone = exit()
        child.kill('SIGKILL')
        await gone
        next()
      },
      async replace() {
        told('replace')
        const gone = exit()
        child.kill('SIGTERM')
        await gone
        next()
      },
      freeze() {
        told('freeze')
        frozen = true
        child.kill('SIGSTOP')
      },
      thaw() {
        told('thaw')
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
