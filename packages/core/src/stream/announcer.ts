import { cut, errorText } from '../text.ts'
import type { WorkerEvent } from './event-types.ts'
import type { WorkerEvents } from './worker-events.ts'

/** Publishes the events of a worker while somebody watches its stream. */
export interface Announcer {
  /** Whether somebody watches. Called after each check of the group. */
  watched(now: boolean): void
}

/** Most events that wait to be published, and most of a message. More are counted, and reported as skipped. */
const MOST = 500
/** Events are collected for this long. */
const COLLECT_MS = 20
const LONGEST_ERROR = 1000

/** `publish` sends a JSON list of events to those that watch. Its failure is ignored: events may be lost. */
export function createAnnouncer(
  { on }: Pick<WorkerEvents, 'on'>,
  publish: (events: string) => Promise<unknown>,
): Announcer {
  let off: (() => void) | undefined
  let waiting: string[] = []
  let skipped = 0

  function collect(event: WorkerEvent): void {
    if (waiting.length >= MOST) {
      skipped += 1
      return
    }
    if (waiting.length === 0) setTimeout(flush, COLLECT_MS).unref()
    waiting.push(encode(event))
  }

  function flush(): void {
    const events = skipped > 0 ? [...waiting, JSON.stringify({ kind: 'skipped', events: skipped })] : waiting
    waiting = []
    skipped = 0
    publish(`[${events.join(',')}]`).catch(() => {})
  }

  return {
    watched(now) {
      if (now) off ??= on(collect)
      else {
        off?.()
        off = undefined
      }
    },
  }
}

/** An error is sent as its message. */
function encode(event: WorkerEvent): string {
  return JSON.stringify(
    'error' in event ? { ...event, error: cut(errorText(event.error), LONGEST_ERROR) } : event,
  )
}
