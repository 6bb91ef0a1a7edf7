import { setTimeout as delay } from 'node:timers/promises'

import { type Definition, fromText, payloadAt } from './definition.ts'
import { stepsOf, type Step } from './due.ts'
import type { Due, ScheduleStore, Stored, Ticked } from './store.ts'
import type { Occurrences, Timing } from './timing.ts'

export interface ScheduleCheckOptions {
  readonly store: ScheduleStore
  readonly occurrencesOf: (timing: Timing) => Promise<Occurrences>
  /** The tags of a payload, which is JSON text. */
  readonly tagsOf: (json: string) => string
  readonly stopped: () => boolean
  /** Redis lost its data: this process declares its schedules again. */
  readonly forgotten: () => Promise<void>
  /** An occurrence was added or dropped by this process. */
  readonly ticked: (id: string, outcome: Ticked, atMs: number, nowMs: number) => void
  /** A schedule cannot be used; it stays due. */
  readonly broken: (id: string, error: unknown) => void
}

/** Most occurrences of a schedule that are sent together, and bytes of their payloads. */
const MOST_STEPS = 64
const MOST_BYTES = 1 << 20
/** The stream is full: the next check follows after this time. */
const FULL_MS = 1000
/** Another process adds the same occurrences: the longest wait before the next check. */
const ELSEWHERE_MS = 50

type Outcome = 'moved' | 'elsewhere' | 'full' | 'broken'

/** Adds everything that is due. Resolves with the milliseconds until it should be called again; Infinity when nothing is to come. */
export async function checkSchedules(options: ScheduleCheckOptions): Promise<number> {
  const { store, stopped } = options
  const broken = new Set<string>()
  for (let skip = 0; ;) {
    if (stopped()) return Infinity
    const page = await store.due(skip)
    if (!page.known) await options.forgotten()
    if (page.items.length === 0) return page.waitMs < 0 ? Infinity : page.waitMs
    const items = page.items.filter(({ id }) => !broken.has(id))
    if (items.length === 0) {
      skip += page.items.length
      continue
    }
    skip = 0
    const outcomes = await Promise.all(items.map((stored) => tickOne(options, stored, page)))
    for (const [at, outcome] of outcomes.entries()) {
      if (outcome === 'broken') broken.add((items[at] as Stored).id)
    }
    if (outcomes.includes('full')) return FULL_MS
    if (outcomes.every((outcome) => outcome === 'elsewhere')) await delay(Math.random() * ELSEWHERE_MS)
  }
}

async function tickOne(options: ScheduleCheckOptions, stored: Stored, { nowMs }: Due): Promise<Outcome> {
  const { store, occurrencesOf, tagsOf, ticked, broken } = options
  const { id, nextAtMs: atMs } = stored
  let definition: Definition
  let steps: readonly Step[]
  let payloads: readonly { readonly payload: string; readonly tags: string }[]
  try {
    if (atMs === undefined) throw new Error('its next occurrence is no time')
    definition = fromText(stored.definition)
    const occurrences = await occurrencesOf(definition.timing)
    const most = Math.ceil(MOST_BYTES / (definition.payload.length + MOST_BYTES / MOST_STEPS))
    steps = stepsOf(definition.missed, occurrences, atMs, nowMs, definition.overlap === 'skip' ? 1 : most)
    payloads = steps.map((step) => {
      const payload = step.add ? payloadAt(definition, step.atMs) : ''
      return { payload, tags: step.add ? tagsOf(payload) : '' }
    })
  } catch (error) {
    broken(id, error)
    return 'broken'
  }
  const [revision] = stored.seen.split(' ')
  const send = definition.overlap === 'skip' ? store.tickAlone : store.tick
  const outcomes = await Promise.all(
    steps.map(({ nextAtMs, atMs: at }, index) =>
      send({
        id,
        key: definition.key,
        seen: index === 0 ? stored.seen : `${revision} ${at}`,
        nextAtMs,
        ...(payloads[index] as (typeof payloads)[number]),
      }),
    ),
  )
  for (const [index, outcome] of outcomes.entries()) ticked(id, outcome, (steps[index] as Step).atMs, nowMs)
  if (outcomes.includes('full')) return 'full'
  return /^(\+|missed|overlap)/.test(outcomes[0] ?? '') ? 'moved' : 'elsewhere'
}
