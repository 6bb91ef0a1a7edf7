import { createHash } from 'node:crypto'

import { PRELUDE } from './prelude.ts'

/** What becomes of a command that runs a script. */
export interface ScriptCall {
  readonly args: readonly (Buffer | string)[]
  /** Whether a server whose memory is full would run it; undefined when nobody knows the script. */
  readonly runsWhenFull: boolean | undefined
  /** The worker that fetches with it. */
  readonly worker?: string | undefined
}

export interface Scripts {
  /** EVAL or EVALSHA, as it is to be sent; `state` is what the prelude reads. */
  rewrite(args: readonly Buffer[], state: string): ScriptCall
}

interface Known {
  /** SHA-1 of the script as it was sent to Redis. */
  readonly sha: string
  readonly follows: boolean
  readonly runsWhenFull: boolean
  /** Whether a worker that shares connections fetches with it. */
  readonly fetches: boolean
}

/** A SHA-1 that no server knows: its caller then sends the script's text. */
const UNKNOWN = '0'.repeat(40)
/** In the text of lua/stream/fetch.lua and of no other script. */
const FETCHES = "redis.pcall('XREADGROUP', unpack(args))"

/**
 * Lets scripts follow the test's clock: those that begin with `#!lua`, as all of penknife's do. Others are sent as they are.
 */
export function createScripts(): Scripts {
  const known = new Map<string, Known>()

  function learn(text: string): Known {
    const follows = text.startsWith('#!lua')
    const flags = /^#![^\n]*flags=(\S+)/.exec(text)?.[1]?.split(',') ?? []
    const script = {
      sha: sha1(follows ? withClock(text) : text),
      follows,
      runsWhenFull: flags.includes('allow-oom') || flags.includes('no-writes'),
      fetches: follows && text.includes(FETCHES),
    }
    known.set(sha1(text), script)
    return script
  }

  return {
    rewrite(args, state) {
      const [command, script, ...rest] = args as [Buffer, Buffer, ...Buffer[]]
      if (isEval(command)) {
        const text = script.toString()
        const { follows, runsWhenFull, fetches } = learn(text)
        if (!follows) return { args, runsWhenFull }
        const worker = fetches ? workerOf(rest) : undefined
        return { args: [command, withClock(text), ...rest, state], runsWhenFull, worker }
      }
      const found = known.get(script.toString().toLowerCase())
      // Another program may have loaded it into the same server, where it would see the server's time.
      if (!found) return { args: [command, UNKNOWN, ...rest], runsWhenFull: undefined }
      const { sha, follows, runsWhenFull, fetches } = found
      const worker = fetches ? workerOf(rest) : undefined
      return { args: follows ? [command, sha, ...rest, state] : args, runsWhenFull, worker }
    },
  }
}

/** Of lua/stream/fetch.lua: keys, then the group and the worker's consumer. */
function workerOf([keys, ...others]: readonly Buffer[]): string {
  return String(others[Number(keys) + 1])
}

function isEval(command: Buffer): boolean {
  return command.length === 4
}

/** A script with the prelude. One that only reads may then have to remove what has ended, which `no-writes` forbids. */
function withClock(text: string): string {
  const end = text.indexOf('\n')
  const head = text.slice(0, end).replace('no-writes', 'allow-oom')
  return `${head}\n${PRELUDE}${text.slice(end)}`
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}
