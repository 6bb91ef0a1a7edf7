import { PenknifeError } from '../errors.ts'
import { BLOCK_MS } from '../redis/driver.ts'
import { movedAway, neverSent, replyCode } from '../redis/failures.ts'
import type { Space } from '../redis/penknife.ts'
import type { Arrival } from './delivery.ts'

export interface IntakeOptions {
  /** The main stream and the group's own. */
  readonly stream: string
  readonly ready: string
  readonly group: string
  readonly consumer: string
  /** Makes the group, if it is not there; `again` when it was there before. */
  readonly open: (again: boolean) => Promise<unknown>
  /** How many entries the worker would take now. */
  readonly room: () => number
  /** Entries of one read from each stream at the most. */
  readonly most: number
  /** Entries of a read that asked for so many, which was sent at that time of the local clock. */
  readonly arrived: (arrivals: readonly Arrival[], asked: number, heldSince: number) => void
  /** What the worker holds now. */
  readonly snapshot: () => (arrival: Arrival) => boolean
  readonly trouble: (error: unknown) => void
  readonly resumed: () => void
}

export interface Intake {
  /** There may be room again. */
  roomMade(): void
  pause(paused: boolean): void
  /** Fetches nothing more. */
  stop(): Promise<void>
}

type Fields = readonly string[] | null
type ReadReply =
  | readonly (readonly [stream: string, entries: readonly (readonly [string, Fields])[]])[]
  | null

/** Before the reader tries again after an error. */
const RETRY_MS = 250

/**
 * Brings a worker its entries, by a blocking XREADGROUP of the main stream and the group's own on a connection of its own.
 *
 * After anything that may have lost the reply to a read it reads its own pending entries first. An idle intake costs Redis
 * one command in five seconds.
 */
export function createIntake(space: Space, options: IntakeOptions): Intake {
  const { stream, ready, group, consumer, open, room, most, arrived, snapshot, trouble, resumed } = options
  const reader = space.runtime.openReader(space.runtime.keys.route)
  let stopped = false
  let paused = false
  let wake: (() => void) | undefined
  reader.on('ready', () => wake?.())

  /** Waits until something calls `wake`, or for some time. */
  function rest(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async function fetchAll(): Promise<void> {
    let opened = false
    let openedBefore = false
    /** The reply to a read may have been lost. */
    let unsure = false
    let troubled = false
    for (;;) {
      if (stopped) return
      try {
        if (!opened) {
          await open(openedBefore)
          opened = openedBefore = true
        }
        const count = room()
        if (!reader.ready) {
          unsure = true
          const { reason } = reader
          if (reason !== undefined && !troubled) {
            troubled = true
            trouble(unavailable(reason))
          }
          await rest(RETRY_MS)
        } else if (unsure) {
          await readOwn()
          unsure = false
        } else if (paused || count <= 0) await rest()
        else {
          await readNew(Math.min(count, most))
          if (troubled) resumed()
          troubled = false
        }
      } catch (error) {
        if (stopped) return
        unsure = true
        // The slot has another master, which the reader looks for, or the connection was just lost.
        if (movedAway(error) || neverSent(error)) {
          await rest(RETRY_MS)
          continue
        }
        troubled = true
        trouble(error)
        // The master became a replica and kept the connection: look for the master again.
        if (replyCode(error) === 'READONLY') reader.lookAgain()
        // NOGROUP: someone deleted the stream or the group (FLUSHALL).
        opened = false
        await rest(RETRY_MS)
      }
    }
  }

  async function readNew(count: number): Promise<void> {
    // The leases begin when Redis hands the entries out, which is not before this.
    const heldSince = performance.now()
    const reply = await read(count, ['BLOCK', BLOCK_MS], '>', '>')
    if (reply) arrived(arrivalsOf(reply), count, heldSince)
  }

  /** What Redis handed to this consumer and this worker does not know. */
  async function readOwn(): Promise<void> {
    const next = { [stream]: '0', [ready]: '0' }
    for (;;) {
      const heldSince = performance.now()
      // Of before: what ends while the reply is on its way was held when Redis wrote it.
      const held = snapshot()
      const reply = await read(most, [], next[ready] as string, next[stream] as string)
      const all = arrivalsOf(reply ?? [])
      arrived(
        all.filter((arrival) => !held(arrival)),
        all.length,
        heldSince,
      )
      if (all.length === 0) return
      for (const { position, ready: own } of all) next[own ? ready : stream] = position
    }
  }

  async function read(
    count: number,
    block: readonly (string | number)[],
    fromReady: string,
    fromStream: string,
  ): Promise<ReadReply> {
    const from = ['STREAMS', ready, stream, fromReady, fromStream]
    const reply = reader.call('xreadgroup', 'GROUP', group, consumer, 'COUNT', count, ...block, ...from)
    return (await reply) as ReadReply
  }

  function arrivalsOf(reply: NonNullable<ReadReply>): Arrival[] {
    const arrivals: Arrival[] = []
    for (const [key, entries] of reply) {
      const own = key === ready
      // One that was deleted by hand has no fields.
      for (const [position, fields] of entries)
        arrivals.push({ position, ready: own, fields: fields ?? GONE })
    }
    return arrivals
  }

  const fetching = fetchAll()

  return {
    roomMade: () => wake?.(),
    pause(now) {
      paused = now
      wake?.()
    },
    async stop() {
      stopped = true
      // Once the server closed it, too, it hands nothing out any more.
      const ended = reader.close()
      wake?.()
      await Promise.allSettled([fetching, ended])
    },
  }
}

function unavailable(reason: string): PenknifeError {
  return new PenknifeError(
    'PENKNIFE_UNAVAILABLE',
    `the worker's connection to Redis cannot be made: ${reason}`,
  )
}

export const GONE: readonly string[] = []
