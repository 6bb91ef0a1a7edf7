import { reportFault } from '../callbacks.ts'
import { isOutage, PenknifeError } from '../errors.ts'
import { createLeader } from '../guard/leader.ts'
import type { Inspector } from '../inspect/inspector-types.ts'
import { quietSpace } from '../inspect/opened.ts'
import type { InspectedStream } from '../inspect/types.ts'
import { isName } from '../options.ts'
import type { Penknife } from '../redis/penknife.ts'
import type { MetricName } from './definitions.ts'
import type { SharedSettings } from './options.ts'
import type { Series } from './series.ts'

/** Gauges of the elected process. */
const OF_READING: readonly MetricName[] = [
  'penknife_metrics_read_timestamp_seconds',
  'penknife_metrics_complete',
]
const OF_GROUPS: readonly MetricName[] = [
  'penknife_stream_entries',
  'penknife_stream_oldest_age_seconds',
  'penknife_stream_workers',
  'penknife_stream_paused',
]
const STATES = ['waiting', 'running', 'delayed', 'queued', 'dead'] as const
/** Streams of a page: its groups are read at once. */
const PAGE = 100

export interface SharedGauges {
  readonly elected: boolean
  close(): Promise<void>
}

/**
 * One of the processes, elected by a lock, reads the states of all streams every `intervalMs`. A process that is not elected, or cannot
 * read, has no such gauges: no value is better than an old one.
 */
export function createSharedGauges(
  penknife: Penknife,
  inspector: Inspector,
  series: Series,
  { intervalMs, spaces, maxStreams, space }: SharedSettings,
): SharedGauges {
  let reported = false

  function report(error: unknown): void {
    // While Redis is away, penknife itself reports it.
    const code = error instanceof PenknifeError ? error.code : undefined
    if (isOutage(error) || code === 'PENKNIFE_CLOSED' || reported) return
    reported = true
    reportFault('metrics cannot read the state of streams', error)
  }

  function clear(): void {
    for (const name of [...OF_READING, ...OF_GROUPS]) series.prune(name)
  }

  /** Sets the gauges of a stream; false when some were left out. */
  function setStream(stream: InspectedStream, seen: Set<string>): boolean {
    let all = true
    for (const group of stream.groups) {
      const values = [stream.space, stream.name, group.name]
      seen.add(values.join('\n'))
      for (const state of STATES) {
        if (!series.set('penknife_stream_entries', [...values, state], group[state])) all = false
      }
      const { oldestAgeMs, workers, paused } = group
      if (!series.set('penknife_stream_oldest_age_seconds', values, oldestAgeMs / 1000)) all = false
      if (!series.set('penknife_stream_workers', values, workers)) all = false
      if (!series.set('penknife_stream_paused', values, paused ? 1 : 0)) all = false
    }
    return all
  }

  async function* spaceNames(): AsyncGenerator<string> {
    if (spaces) yield* spaces
    let after: string | undefined
    // With given spaces the list is not read.
    let more = spaces === undefined
    while (more) {
      const { items, next } = await inspector.spaces({
        limit: 1000,
        ...(after === undefined ? {} : { after }),
      })
      // Another program may have written the rest.
      for (const { name } of items) if (isName(name, 64)) yield name
      after = next
      more = next !== undefined
    }
  }

  /** Reads all streams, up to the bound, page by page. */
  async function read(signal: AbortSignal): Promise<void> {
    const seen = new Set<string>()
    let left = maxStreams
    let complete = true
    for await (const name of spaceNames()) {
      let after: string | undefined
      do {
        if (left === 0) break
        const page = { limit: Math.min(PAGE, left), ...(after === undefined ? {} : { after }) }
        const { items, next } = await inspector.streams(name, page)
        if (signal.aborted) return
        for (const stream of items) if (!setStream(stream, seen)) complete = false
        left -= items.length
        after = next
      } while (after !== undefined)
      if (left > 0) continue
      complete = false
      break
    }
    if (signal.aborted) return
    for (const metric of OF_GROUPS) {
      series.prune(metric, (values) => seen.has(values.slice(0, 3).join('\n')))
    }
    series.set('penknife_metrics_complete', [], complete ? 1 : 0)
    series.set('penknife_metrics_read_timestamp_seconds', [], Date.now() / 1000)
  }

  const leader = createLeader(quietSpace(penknife.space(space)), 'penknife-metrics', {
    async lead({ signal }) {
      series.set('penknife_metrics_elected', [], 1)
      try {
        while (!signal.aborted) {
          try {
            await read(signal)
          } catch (error) {
            clear()
            report(error)
          }
          await pause(intervalMs, signal)
        }
      } finally {
        clear()
        series.set('penknife_metrics_elected', [], 0)
      }
    },
  })
  leader.on((event) => {
    if (event.kind === 'failed') report(event.error)
  })
  series.set('penknife_metrics_elected', [], 0)

  return {
    get elected() {
      return leader.held !== undefined
    },
    close: () => leader.close(),
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    timer.unref()
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
