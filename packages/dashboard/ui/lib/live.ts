import { createContext } from 'preact'
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks'

import type { LiveHistory, LivePoint, OverviewAnswer, SpaceTotals } from '../../src/api-types.ts'
import { followEvents } from './events.ts'
import { setServerTime } from './format.ts'

/** Points of the charts: of the last ten minutes. */
const HISTORY_MS = 600_000
const MOST_POINTS = 300

export interface Live {
  /** `connecting` at first; `away`: the server does not answer; `paused`: the tab is hidden. */
  readonly status: 'connecting' | 'open' | 'away' | 'paused'
  readonly overview: OverviewAnswer | undefined
  readonly history: LiveHistory['points']
  /** Changes when everything should be read again: Redis is back, or the user asked. */
  readonly epoch: number
  readonly visible: boolean
  refresh(): void
}

const LiveContext = createContext<Live>({
  status: 'connecting',
  overview: undefined,
  history: [],
  epoch: 0,
  visible: true,
  refresh: () => {},
})

export const LiveProvider = LiveContext.Provider

export function useLive(): Live {
  return useContext(LiveContext)
}

function useVisible(): boolean {
  const [visible, setVisible] = useState(!document.hidden)
  useEffect(() => {
    const changed = (): void => setVisible(!document.hidden)
    document.addEventListener('visibilitychange', changed)
    return () => document.removeEventListener('visibilitychange', changed)
  }, [])
  return visible
}

/** Follows the totals while the tab is visible. Once for the page. */
export function useLiveSource(): Live {
  const visible = useVisible()
  const [open, setOpen] = useState<boolean | undefined>(undefined)
  const [overview, setOverview] = useState<OverviewAnswer>()
  const [history, setHistory] = useState<LiveHistory['points']>([])
  const [epoch, setEpoch] = useState(0)
  const reachable = useRef(true)
  const refresh = useCallback(() => setEpoch((before) => before + 1), [])
  useEffect(() => {
    if (!visible) return undefined
    return followEvents(
      'live',
      {},
      {
        onState: (now) => {
          setOpen(now)
          if (!now) reachable.current = false
        },
        on: {
          history: (data) => setHistory((data as LiveHistory).points),
          totals: (data) => {
            const next = data as OverviewAnswer
            setServerTime(next.atMs)
            setOverview((before) => withoutLoss(before, next))
            setHistory((before) => withPoint(before, next))
            const available = next.redis.status === 'available'
            if (available && !reachable.current) refresh()
            reachable.current = available
          },
        },
      },
    )
  }, [visible])
  const status = !visible ? 'paused' : open === undefined ? 'connecting' : open ? 'open' : 'away'
  return { status, overview, history, epoch, visible, refresh }
}

/** While Redis is away, the numbers from before stay. */
function withoutLoss(before: OverviewAnswer | undefined, next: OverviewAnswer): OverviewAnswer {
  if (next.redis.status === 'available' || before === undefined) return next
  return { ...before, redis: next.redis }
}

function withPoint(before: LiveHistory['points'], { atMs, spaces }: OverviewAnswer): LiveHistory['points'] {
  if (spaces.length === 0 || (before.at(-1)?.atMs ?? 0) >= atMs) return before
  const kept = before.filter((point) => point.atMs > atMs - HISTORY_MS).slice(1 - MOST_POINTS)
  return [...kept, { atMs, spaces: Object.fromEntries(spaces.map((totals) => [totals.space, totals])) }]
}

/** The sum of all spaces at each time. */
export function seriesOf(
  history: LiveHistory['points'],
  value: (point: LivePoint) => number | undefined,
): readonly { readonly atMs: number; readonly value: number }[] {
  return history.flatMap(({ atMs, spaces }) => {
    const values = Object.values(spaces)
      .map((point) => value(point))
      .filter((one) => one !== undefined)
    // A point without rates would be drawn as 0.
    return values.length === 0 ? [] : [{ atMs, value: values.reduce((sum, one) => sum + one, 0) }]
  })
}

export function totalsOf(overview: OverviewAnswer | undefined, space: string): SpaceTotals | undefined {
  return overview?.spaces.find((totals) => totals.space === space)
}
