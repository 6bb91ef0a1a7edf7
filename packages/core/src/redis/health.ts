import { errorText } from '../text.ts'
import { type Line, whenReady } from './driver.ts'
import { neverSent } from './failures.ts'
import type { PolicyInUse } from './policies.ts'
import type { RefusedCalls } from './refusals.ts'
import type { ConnectionHealth } from './roster.ts'
import type { ServerFinding, ServerInfo } from './server.ts'

export interface Health {
  /**
   * `ok`: Redis answered just now. `degraded`: it did, but it refuses calls, a limiter's policy decides for it, or a
   * connection cannot connect. `unavailable`: it did not.
   */
  readonly status: 'ok' | 'degraded' | 'unavailable'
  /** Why it is not `ok`. */
  readonly reason: string | undefined
  /** Penknife's connections, by purpose. */
  readonly connections: readonly ConnectionHealth[]
  /** What Redis refuses, though it is there. */
  readonly refused: readonly RefusedCalls[]
  /** Limiters whose policies decide, and why. */
  readonly policies: readonly PolicyInUse[]
  /** Milliseconds that the answer took. */
  readonly latencyMs: number | undefined
  /** Calls sent or waiting that Redis did not settle yet. */
  readonly pending: number
  readonly server: ServerInfo | undefined
  /** Settings of the server that do not fit the features in use. */
  readonly findings: readonly ServerFinding[]
}

/** What health is made of beside the answer to a PING. */
export type Known = Pick<Health, 'connections' | 'refused' | 'policies' | 'pending' | 'server' | 'findings'>

/** `unavailable` is why Redis does not answer. */
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

/** Why the server does not answer a PING within the time; a connection that is being made is waited for. */
export async function pingFailure(line: Line, ms: number): Promise<string | undefined> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), ms)
  const tooLate = `no answer to a PING within ${ms} ms`
  const ping = (): Promise<unknown> => Promise.race([line.call('ping'), aborted(late.signal, tooLate)])
  try {
    if (!line.ready) await whenReady(line, late.signal)
    // It may have just been left for another one.
    await ping().catch(async (error: unknown) => {
      if (!neverSent(error)) throw error
      await whenReady(line, late.signal)
      await ping()
    })
    return undefined
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
