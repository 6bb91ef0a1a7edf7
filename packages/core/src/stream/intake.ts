import type { Redis } from 'ioredis'

import { BLOCK_MS } from '../redis/connections.ts'
import type { Space } from '../redis/penknife.ts'
import { streamClaim, streamGroup, streamLeave } from '../redis/scripts.gen.ts'

/** An entry that came to this consumer, new or taken over. */
export interface Arrival {
  readonly id: string
  readonly attempt: number
  readonly fields: readonly string[]
  /** Not later than the moment at which the lease began, by the clock of this process. */
  readonly heldSince: number
}

export interface IntakeOptions {
  readonly key: string
  readonly group: string
  readonly consumer: string
  readonly leaseMs: number
  /** How many entries the worker could take now. */
  readonly room: () => number
  readonly arrived: (arrival: Arrival) => void
  readonly trouble: (error: unknown) => void
}

export interface Intake {
  /** There may be room again. */
  roomMade(): void
  /** An entry's lease was shortened: look for it after that time. */
  lookAfter(ms: number): void
  /** Fetches nothing more. */
  stop(): Promise<void>
  /** Gives back what came and was not finished. */
  leave(): Promise<void>
}

/** Before the reader tries again after an error. */
const RETRY_MS = 250

/**
 * Brings a consumer its entries: new ones by XREADGROUP on a connection of its own, those of crashed or stalled
 * workers by a scan of the group, each at most as many as there is room for.
 *
 * An idle intake costs Redis one XREADGROUP in five seconds and two scans in each lease time.
 */
export function createIntake(space: Space, options: IntakeOptions): Intake {
  const { key, group, consumer, leaseMs, room, arrived, trouble } = options
  const { keys, bind, openReader } = space.runtime
  const claim = bind(streamClaim, [])
  const createGroup = bind(streamGroup, [])
  const leaveGroup = bind(streamLeave, [])
  const reader = openReader() as Redis
  let stopped = false
  let wake: (() => void) | undefined
  let scanning: Promise<void> | undefined
  let scanWanted = false
  const timers = new Set<NodeJS.Timeout>()
  const scanTimer = setInterval(scan, leaseMs / 2)

  /** Waits until something calls `wake`, or for some time. */
  function pause(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async function fetchAll(): Promise<void> {
    let grouped = false
    // oxlint-disable-next-line no-unmodified-loop-condition -- stop() sets it
    while (!stopped) {
      try {
        if (!grouped) {
          await createGroup(keys.route, key, group)
          grouped = true
          scan()
        }
        if (room() <= 0) await pause()
        else if (reader.status !== 'ready') await pause(RETRY_MS)
        else await fetchSome(room())
      } catch (error) {
        if (stopped) return
        trouble(error)
        // NOGROUP: someone deleted the stream or the group (FLUSHALL).
        grouped = false
        await pause(RETRY_MS)
      }
    }
  }

  async function fetchSome(count: number): Promise<void> {
    // The lease begins when Redis hands the entries out, which is not before this.
    const heldSince = performance.now()
    const reply = (await reader.xreadgroup(
      'GROUP',
      group,
      consumer,
      'COUNT',
      count,
      'BLOCK',
      BLOCK_MS,
      'STREAMS',
      key,
      '>',
    )) as [string, [string, string[]][]][] | null
    for (const [id, fields] of reply?.[0]?.[1] ?? []) arrived({ id, attempt: 1, fields, heldSince })
  }

  /** Takes over what others let lie, and what failed and waits for another attempt. */
  function scan(): void {
    scanWanted = true
    scanning ??= scanAll()
      .catch(trouble)
      .finally(() => (scanning = undefined))
  }

  async function scanAll(): Promise<void> {
    let cursor = '0-0'
    while (scanWanted && !stopped) {
      const count = Math.min(room(), 100)
      // Without room the scan stays wanted: `roomMade` comes back to it.
      if (count <= 0) return
      if (cursor === '0-0') scanWanted = false
      const heldSince = performance.now()
      const [next, ...claimed] = await claim(keys.route, key, group, consumer, leaseMs, cursor, count)
      for (const [id, attempt, fields] of claimed as [string, number, string[]][]) {
        arrived({ id, attempt, fields, heldSince })
      }
      cursor = next as string
      if (cursor !== '0-0') scanWanted = true
    }
  }

  const fetching = fetchAll()

  return {
    roomMade() {
      wake?.()
      if (scanWanted) scan()
    },
    lookAfter(ms) {
      const timer = setTimeout(() => {
        timers.delete(timer)
        scan()
      }, ms + 1)
      timers.add(timer)
    },
    async stop() {
      stopped = true
      clearInterval(scanTimer)
      for (const timer of timers) clearTimeout(timer)
      reader.disconnect()
      wake?.()
      await Promise.all([fetching, scanning])
    },
    async leave() {
      await leaveGroup(keys.route, key, group, consumer, leaseMs).catch(trouble)
    },
  }
}
