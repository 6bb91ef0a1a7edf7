import type { Redis } from 'ioredis'

import { BLOCK_MS } from '../redis/connections.ts'
import { replyCode } from '../redis/failures.ts'
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
/** The longest time between two looks at what others let lie. */
const LOOK_MS = 5000

/**
 * Brings a consumer its entries: new ones by XREADGROUP on a connection of its own, those of crashed or stalled
 * workers by a scan of the group; never more than there is room for. A blocking read lasts at most until the next
 * scan is due, so that the two seldom wait at once; when they do, each takes only room that the other leaves.
 *
 * An idle intake costs Redis one XREADGROUP and one scan (XPENDING and XINFO CONSUMERS in a script) in five
 * seconds, or in half the lease if that is shorter.
 */
export function createIntake(space: Space, options: IntakeOptions): Intake {
  const { key, group, consumer, leaseMs, room, arrived, trouble } = options
  const { keys, bind, openReader } = space.runtime
  const claim = bind(streamClaim, [])
  const createGroup = bind(streamGroup, [])
  const leaveGroup = bind(streamLeave, [])
  const lookEveryMs = Math.min(leaseMs / 2, LOOK_MS)
  const reader = openReader() as Redis
  let stopped = false
  let wake: (() => void) | undefined
  /** Entries asked for by the read, and by the scan, that are under way. */
  let reading = 0
  let claiming = 0
  let scanning: Promise<void> | undefined
  /** From when on the next scan is due. */
  let scanAt = 0
  const looks = new Map<NodeJS.Timeout, number>()
  reader.on('ready', () => wake?.())

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
    for (;;) {
      if (stopped) return
      try {
        if (!grouped) {
          await createGroup(keys.route, key, group)
          grouped = true
          scanAt = 0
        }
        // First what others let lie: an endless backlog of new entries must not hold it up.
        if (room() > 0 && performance.now() >= scanAt) await scan()
        const count = room() - claiming
        if (count <= 0) await pause()
        else if (reader.status !== 'ready') await pause(RETRY_MS)
        else await fetchSome(count)
      } catch (error) {
        if (stopped) return
        trouble(error)
        // The master became a replica and kept the connection: look for the master again.
        if (replyCode(error) === 'READONLY') reader.disconnect(true)
        // NOGROUP: someone deleted the stream or the group (FLUSHALL).
        grouped = false
        await pause(RETRY_MS)
      }
    }
  }

  async function fetchSome(count: number): Promise<void> {
    // The lease begins when Redis hands the entries out, which is not before this.
    const heldSince = performance.now()
    const block = Math.ceil(Math.min(...looks.values(), scanAt, heldSince + BLOCK_MS) - heldSince)
    reading = count
    try {
      const reply = (await reader.xreadgroup(
        'GROUP',
        group,
        consumer,
        'COUNT',
        count,
        'BLOCK',
        Math.max(1, block),
        'STREAMS',
        key,
        '>',
      )) as [string, [string, string[]][]][] | null
      for (const [id, fields] of reply?.[0]?.[1] ?? []) arrived({ id, attempt: 1, fields, heldSince })
    } finally {
      reading = 0
    }
  }

  /** Takes over what others let lie. */
  function scan(): Promise<void> {
    scanning ??= scanAll().finally(() => {
      claiming = 0
      scanning = undefined
      wake?.()
    })
    return scanning
  }

  async function scanAll(): Promise<void> {
    let found: number
    do {
      // Without room it goes on as soon as there is some.
      claiming = Math.min(room() - reading, 100)
      if (stopped || claiming <= 0) return
      const heldSince = performance.now()
      const [all, ...claimed] = await claim(keys.route, key, group, consumer, leaseMs, claiming)
      for (const [id, attempt, fields] of claimed as [string, number, string[]][]) {
        arrived({ id, attempt, fields, heldSince })
      }
      found = all as number
    } while (found === claiming)
    scanAt = performance.now() + lookEveryMs
  }

  const fetching = fetchAll()

  return {
    roomMade: () => wake?.(),
    lookAfter(ms) {
      if (stopped) return
      const timer = setTimeout(() => {
        looks.delete(timer)
        scanAt = 0
        scan().catch(trouble)
      }, ms + 1)
      looks.set(timer, performance.now() + ms + 1)
    },
    async stop() {
      stopped = true
      for (const timer of looks.keys()) clearTimeout(timer)
      // Once the server closed it, too, it hands nothing out any more.
      const ended = reader.status === 'ready' && new Promise((resolve) => reader.once('end', resolve))
      reader.disconnect()
      wake?.()
      await Promise.allSettled([fetching, scanning, ended])
    },
    async leave() {
      await leaveGroup(keys.route, key, group, consumer, leaseMs).catch(trouble)
    },
  }
}
