import { PenknifeError } from '../errors.ts'
import { errorText } from '../text.ts'
import { type Line, whenReady } from './driver.ts'
import { isReply } from './failures.ts'
import type { PolicyInUse } from './policies.ts'
import type { RefusedCalls } from './refusals.ts'
import type { ConnectionHealth } from './roster.ts'
import type { ServerFinding, ServerInfo } from './server.ts'

export interface Health {
  /**
   * `ok`: Redis answered just now. `degraded`: Redis answered, but it refuses calls, a limiter's policy decides instead of it,
   * or a connection cannot connect. `unavailable`: Redis did not answer.
   */
  readonly status: 'ok' | 'degraded' | 'unavailable'
  /** Why the status is not `ok`. */
  readonly reason: string | undefined
  /** Penknife's connections, by purpose. */
  readonly connections: readonly ConnectionHealth[]
  /** Calls that Redis refuses although it answers. */
  readonly refused: readonly RefusedCalls[]
  /** Limiters whose policy decides instead of Redis, and why. */
  readonly policies: readonly PolicyInUse[]
  /** Milliseconds that the PING took. */
  readonly latencyMs: number | undefined
  /** Calls that are sent or waiting, and have no reply yet. */
  readonly pending: number
  readonly server: ServerInfo | undefined
  /** Settings of the server that do not fit the features in use. */
  readonly findings: readonly ServerFinding[]
}

/** The parts of health that do not depend on the PING. */
export type Known = Pick<Health, 'connections' | 'refused' | 'policies' | 'pending' | 'server' | 'findings'>

/** `unavailable` is the reason if Redis does not answer. */
export function toHealth(unavailable: string | undefined, latencyMs: number, known: Known): Health {
  const { connections, refused, policies } = known
  const trouble = [
    ...refused.map(({ call, message }) => `Redis refuses ${call}: ${message}`),
    ...policies.map(
      ({ space, name, policy, code, reason }) =>
        `the policy '${policy}' of limiter '${name}' of space '${space}' decides (${code}): ${reason}`,
    ),
    ...connections.flatMap(({ purpose, reason }) => (reason === undefined ? [] : [`${purpose}: ${reason}`])),
  ]
  return {
    status: unavailable ? 'unavailable' : trouble.length > 0 ? 'degraded' : 'ok',
    reason: unavailable ?? trouble[0],
    latencyMs: unavailable ? undefined : latencyMs,
    ...known,
  }
}

/** How often it is sent: repeating it does no harm. */
const PINGS = 3

/** Why the server does not answer a PING in time; undefined if it does. Waits for a connection that is being made. */
export async function pingFailure(line: Line, ms: number): Promise<string | undefined> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), ms)
  const tooLate = `no answer to a PING within ${ms} ms`
  const ping = (): Promise<unknown> => Promise.race([line.call('ping'), aborted(late.signal, tooLate)])
  try {
    for (let attempt = 1; ; attempt++) {
      if (!line.ready) await whenReady(line, late.signal)
      try {
        await ping()
        return undefined
      } catch (error) {
        // Its connection may just have broken: the line makes another one, and a cluster has others.
        if (late.signal.aborted || isReply(error) || attempt === PINGS) throw error
      }
    }
  } catch (error) {
    return late.signal.aborted ? tooLate : errorText(error)
  } finally {
    clearTimeout(timer)
  }
}

function aborted(signal: AbortSignal, why: string): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(why)), { once: true })
  })
}

/** Sends a command that needs no key, on a cluster to any master. Rejects with PENKNIFE_UNAVAILABLE without a reply in time. */
export async function ask(line: Line, ms: number, command: 'info' | 'time'): Promise<unknown> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), ms)
  try {
    if (!line.ready) await whenReady(line, late.signal)
    return await Promise.race([line.call(command), aborted(late.signal, 'no reply')])
  } catch (error) {
    if (isReply(error)) throw error
    const why = late.signal.aborted ? `Redis did not reply to ${command} within ${ms} ms` : errorText(error)
    throw new PenknifeError('PENKNIFE_UNAVAILABLE', why, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}
