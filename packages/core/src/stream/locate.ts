import { streamLocate } from '../redis/scripts.gen.ts'
import { dueTime } from './add-terms.ts'
import type { StreamEntryChange, StreamEntryState } from './entry-state-types.ts'
import { checkId } from './ids.ts'
import { decodeOutcome } from './outcome.ts'
import type { Scope } from './scope.ts'

/** Where an entry is, with what is kept of it. */
export interface Located extends StreamEntryState {
  readonly changed: boolean
  /** Whether its outcome will be kept. */
  readonly keeps: boolean
}

/** What may keep an entry from running; milliseconds. */
export interface Hindrances {
  /** The time of Redis. */
  readonly nowMs: number
  /** How long the group is still paused; Infinity: without an end; undefined: it is not. */
  readonly pausedMs: number | undefined
  /** Workers that sent a command within 30 s. */
  readonly workers: number
  readonly consumers: number
  /** Of an entry that waits for another one of its key: that one, if it was found. */
  readonly behind: Behind | undefined
  /** The payload as JSON text; undefined when the entry is in no place. */
  readonly json: string | undefined
  /** Whether it waits because it has low priority. */
  readonly low: boolean
}

/** What has the place of a key. */
export interface Behind {
  readonly id: string
  readonly state: 'waiting' | 'running' | 'delayed' | 'dead'
  readonly dueMs: number | undefined
  readonly consumer: string | undefined
  readonly idleMs: number | undefined
}

/** Script calls that several searches may make beyond one for each. */
export interface Budget {
  calls: number
}

/** An entry with its payload. */
export type Shown = Omit<Located, 'state'> & {
  readonly state: Located['state'] | 'unknown'
  /** JSON text; undefined when it is in no place. */
  readonly json: string | undefined
}

export interface Locator {
  /** As `find`, with what may keep it from running, from the same script call. */
  why(id: string): Promise<Located & Hindrances>
  /**
   * As `find`, with the payload as JSON text. Its script calls beyond the first are taken from the budget; without one left the state is
   * `unknown`.
   */
  show(id: string, budget: Budget): Promise<Shown>
  /** Searches everywhere; one script call, more for large groups. */
  locate(id: string, action?: string): Promise<Located>
  find(id: string): Promise<StreamEntryState>
  cancel(id: string): Promise<StreamEntryChange>
  reschedule(id: string, at: Date | number): Promise<StreamEntryChange>
}

/** An entry may move between two calls that look for it, so a search of several calls is repeated before it is said to be gone. */
const SEARCHES = 3

/** The reply of a search that did not end. */
const UNKNOWN: readonly string[] = ['unknown', '', '', '0', '0', '', '', '', '', '']

export function createLocator(scope: Scope): Locator {
  const { keys, route, key, stream, order, bind } = scope

  async function locate(id: string, action: string = 'find'): Promise<Located> {
    return decode(id, await search(id, action))
  }

  async function search(
    id: string,
    action: string,
    budget: Budget = { calls: Infinity },
  ): Promise<readonly string[]> {
    const group = scope.onlyGroup('find')
    checkId('id', id)
    const script = bind(streamLocate, [
      [...scope.heldWithLowOf(group), keys.paused(stream, group)],
      order?.places ?? 0,
      group,
      keys.outcomes(stream, group),
      keys.pausing(stream, group),
    ])
    const [ready, delayed, dead] = [
      keys.ready(stream, group),
      keys.delayed(stream, group),
      keys.deadLetters(stream, group),
    ]
    for (let round = 1; ; round++) {
      let calls = 0
      let reply: readonly string[]
      let from = 'stream 0'
      do {
        if (round + calls > 1 && budget.calls-- <= 0) return UNKNOWN
        reply = (await script(route, key, ready, delayed, dead, id, action, from)) as readonly string[]
        calls += 1
        from = reply[1] as string
      } while (reply[0] === '')
      if (reply[0] !== 'gone' || calls === 1 || round === SEARCHES) return reply
    }
  }

  async function change(id: string, action: string): Promise<StreamEntryChange> {
    const { changed, state } = await locate(id, action)
    return { changed, state }
  }

  return {
    locate,
    async why(id) {
      const reply = await search(id, 'why')
      return { ...decode(id, reply), ...hindrances(reply.slice(10)) }
    },
    async show(id, budget) {
      const reply = await search(id, 'show', budget)
      return { ...decode(id, reply), json: reply[10] || undefined }
    },
    async find(id) {
      const { changed: _changed, keeps: _keeps, ...state } = await locate(id)
      return state
    },
    cancel: (id) => change(id, 'cancel'),
    reschedule: async (id, at) => change(id, `move ${dueTime(at)}`),
  }
}

function decode(id: string, reply: readonly string[]): Located {
  const [state, changed, consumer, idle, attempts, due, outcome, progress, keeps, since] = reply
  return {
    id,
    state: state as StreamEntryState['state'],
    attempts: Number(attempts),
    consumer: consumer === '' ? undefined : consumer,
    idleMs: consumer === '' ? undefined : Number(idle),
    runningSinceMs: consumer === '' ? undefined : Number(since),
    dueMs: due === '' ? undefined : Number(due),
    progress: progress ? (JSON.parse(progress) as unknown) : undefined,
    changed: changed === '1',
    outcome: outcome ? decodeOutcome(outcome) : undefined,
    keeps: keeps === '1',
  }
}

const STATES = { m: 'waiting', r: 'waiting', d: 'delayed', x: 'dead' } as const

function hindrances(reply: readonly string[]): Hindrances {
  const [now, paused, workers, consumers, kind, id = '', due, consumer, idle, json, low] = reply
  const state = STATES[kind as keyof typeof STATES]
  return {
    nowMs: Number(now),
    pausedMs: paused === '-2' ? undefined : paused === '-1' ? Infinity : Number(paused),
    workers: Number(workers),
    consumers: Number(consumers),
    json: json || undefined,
    low: low === '1',
    behind:
      state === undefined
        ? undefined
        : {
            id,
            state: consumer === '' ? state : 'running',
            dueMs: due === '' ? undefined : Number(due),
            consumer: consumer === '' ? undefined : consumer,
            idleMs: consumer === '' ? undefined : Number(idle),
          },
  }
}
