import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { ServerBinary } from './binary.ts'
import { WATCHDOG } from './watchdog-script.ts'

export interface Watchdog {
  /** Starts the server and gives its process id. */
  start(): Promise<number>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Ends the server and removes its folder. */
  close(): Promise<void>
  running(): boolean
}

interface Question {
  readonly word: string
  readonly answer: (pid: number) => void
  readonly fail: (error: Error) => void
}

/** Runs a server under the watchdog script, in a process group of its own so that Ctrl-C reaches only this process. */
export function startWatchdog(binary: ServerBinary, folder: string, args: readonly string[]): Watchdog {
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'penknife-watchdog', folder, binary.command, ...args], {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...binary.env },
  })
  const pipes = [child.stdin, child.stdout] as unknown as readonly Socket[]
  let running = false
  let ended = false
  let awaited: Question | undefined
  let previous: Promise<unknown> = Promise.resolve()

  const exited = new Promise<void>((resolve) => {
    const end = (): void => {
      running = false
      ended = true
      awaited?.fail(gone())
      resolve()
    }
    child.once('exit', end)
    child.once('error', end)
  })
  // What cannot be written is noticed by the exit.
  child.stdin.on('error', () => {})
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [word, pid] = line.split(' ')
    running = word === 'started'
    if (word === awaited?.word) awaited?.answer(Number(pid))
  })
  unref()

  // A server nobody stopped must not keep its parent alive, but a question under way must.
  function unref(): void {
    for (const each of [child, ...pipes]) each.unref()
  }
  function ref(): void {
    for (const each of [child, ...pipes]) each.ref()
  }

  function ask(verb: string, word: string): Promise<number> {
    const answer = previous.then(async () => {
      ref()
      try {
        return await new Promise<number>((resolve, reject) => {
          awaited = { word, answer: resolve, fail: reject }
          if (ended) reject(gone())
          else child.stdin.write(`${verb}\n`)
        })
      } finally {
        awaited = undefined
        unref()
      }
    })
    previous = answer.catch(() => {})
    return answer
  }

  return {
    start: () => ask('start', 'started'),
    kill: async () => void (await ask('kill', 'killed')),
    close: async () => {
      await previous
      ref()
      child.stdin.end()
      await exited
    },
    running: () => running,
  }
}

function gone(): Error {
  return new Error('this Redis was stopped, and its watchdog has ended')
}
