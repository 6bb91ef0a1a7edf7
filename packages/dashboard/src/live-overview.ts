import type { LiveHistory, LivePoint, OverviewAnswer } from './api-types.ts'
import { eventText } from './live.ts'
import type { Overview } from './overview.ts'

/** Points that are kept for charts: five minutes at the fastest. */
const MOST_POINTS = 150
/** Spaces of a point. */
const MOST_SPACES = 20

/** Sends the overview to all clients: one reading for all, and none while there is no client. */
export interface LiveOverview {
  follow(send: (text: string) => void): () => void
  close(): void
}

export function createLiveOverview(overview: Overview): LiveOverview {
  const clients = new Set<(text: string) => void>()
  const points: LiveHistory['points'][number][] = []
  let timer: NodeJS.Timeout | undefined
  let running = false
  let latest: string | undefined

  async function tick(): Promise<void> {
    running = true
    // It never rejects.
    const answer = await overview.read()
    running = false
    latest = eventText('totals', answer)
    if (answer.redis.status === 'available') {
      points.push({ atMs: answer.atMs, spaces: pointsOf(answer) })
      if (points.length > MOST_POINTS) points.shift()
    }
    for (const send of clients) send(latest)
    if (clients.size > 0) timer = setTimeout(() => void tick(), overview.pauseMs).unref()
  }

  return {
    follow(send) {
      clients.add(send)
      send(eventText('history', { points } satisfies LiveHistory))
      if (clients.size > 1 && latest !== undefined) send(latest)
      if (clients.size === 1 && !running) {
        clearTimeout(timer)
        void tick()
      }
      return () => {
        clients.delete(send)
        if (clients.size > 0) return
        clearTimeout(timer)
        latest = undefined
      }
    },
    close() {
      clearTimeout(timer)
      clients.clear()
    },
  }
}

function pointsOf({ spaces }: OverviewAnswer): Readonly<Record<string, LivePoint>> {
  return Object.fromEntries(
    spaces.slice(0, MOST_SPACES).map(({ space, ...totals }) => {
      const { waiting, running, delayed, queued, dead, oldestAgeMs, addedPerSecond, finishedPerSecond } =
        totals
      const rates = {
        ...(addedPerSecond === undefined ? {} : { addedPerSecond }),
        ...(finishedPerSecond === undefined ? {} : { finishedPerSecond }),
      }
      return [space, { waiting, running, delayed, queued, dead, oldestAgeMs, ...rates }]
    }),
  )
}
