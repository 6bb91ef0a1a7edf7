import { movedAway, refusesNow, replyCode } from './failures.ts'

/** Calls of one script that Redis refuses at present, for a reason that does not depend on the call. */
export interface RefusedCalls {
  /** The script, such as `limiter/take`; or `ssubscribe` for following channels. */
  readonly call: string
  /** The first word of Redis' reply, such as OOM; see docs/errors.md. */
  readonly code: string
  /** Redis' reply. */
  readonly message: string
  /** How many batches were refused since the last call of the script that was carried out. */
  readonly batches: number
  /** Milliseconds since the first of them. */
  readonly sinceMs: number
  /** Milliseconds since the last of them. */
  readonly lastMs: number
}

/** The scripts that Redis refuses. An entry ends when a call of the script is carried out, or when none was refused for a minute. */
export interface Refusals {
  /** False when nothing is refused. Then `done` need not be called. */
  readonly any: boolean
  refused(call: string, error: unknown): void
  done(call: string): void
  list(): readonly RefusedCalls[]
}

const FORGOTTEN_MS = 60_000

interface Entry {
  code: string
  message: string
  batches: number
  readonly firstAt: number
  lastAt: number
}

/** Calls `onChange` with the first refusal of each code, and with undefined when nothing is refused any more. */
export function createRefusals(onChange: (refused: RefusedCalls | undefined) => void): Refusals {
  const entries = new Map<string, Entry>()

  function show(call: string, { code, message, batches, firstAt, lastAt }: Entry): RefusedCalls {
    const now = performance.now()
    return { call, code, message, batches, sinceMs: now - firstAt, lastMs: now - lastAt }
  }

  function forget(call: string): void {
    if (entries.delete(call) && entries.size === 0) onChange(undefined)
  }

  return {
    get any() {
      return entries.size > 0
    },
    refused(call, error) {
      const code = replyCode(error)
      // A redirected call is sent to the other node.
      if (code === undefined || !refusesNow(error) || movedAway(error)) return
      const now = performance.now()
      const known = [...entries.values()].some((each) => each.code === code)
      const { message } = error as Error
      const entry = entries.get(call) ?? { code, message, batches: 0, firstAt: now, lastAt: now }
      entries.set(call, entry)
      Object.assign(entry, { code, message, batches: entry.batches + 1, lastAt: now })
      if (!known) onChange(show(call, entry))
    },
    done: forget,
    list() {
      const before = performance.now() - FORGOTTEN_MS
      for (const [call, { lastAt }] of entries) if (lastAt < before) forget(call)
      return [...entries].map(([call, entry]) => show(call, entry))
    },
  }
}
