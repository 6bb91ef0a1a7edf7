import { type Duration, type Leaderboard, type BoardRankStyle } from '@penknife/core'
import { checkOptions, durationMs, invalid } from '@penknife/core/internal'

export interface LeaderboardRouteOptions {
  /**
   * The path of the routes `<path>/top`, `<path>/around/<member>` and `<path>/rank/<member>`. It is compared with the full path
   * that the client sent, also below a mount point. Default: '/leaderboard'.
   */
  readonly path?: string | undefined
  /** Windows of the board that clients may read with `?window=`. Default: only the first. */
  readonly windows?: readonly string[] | undefined
  /** How ranks are counted: 'ordinal', 'competition' or 'dense'. Default: 'ordinal'. */
  readonly ranks?: BoardRankStyle | undefined
  /** Send the members' data with the rows, readable by every client. Default: false. */
  readonly data?: boolean | undefined
  /** The largest `?count=`: 1 to 1,000, with data up to 200. Default: 100. */
  readonly maxCount?: number | undefined
  /** The largest `?each=`, rows before and after a member: 0 to 500, with data up to 99. Default: 25. */
  readonly maxEach?: number | undefined
  /**
   * How long a response may be cached: by clients and proxies (`Cache-Control: max-age`, in whole seconds), and by this process
   * for `top`, which it then reads once for all requests in that time. A client may get rows that are up to twice as old. 0:
   * every request reads the board. Default: 1 s.
   */
  readonly maxAge?: Duration | undefined
}

/** The checked options with their defaults. */
export interface Checked {
  readonly path: string
  readonly windows: readonly string[]
  readonly ranks: BoardRankStyle
  readonly data: boolean
  readonly maxCount: number
  readonly maxEach: number
  readonly maxAgeMs: number
}

const OPTIONS = ['path', 'windows', 'ranks', 'data', 'maxCount', 'maxEach', 'maxAge'] as const
const STYLES: readonly BoardRankStyle[] = ['ordinal', 'competition', 'dense']

export function checkLeaderboard(board: Leaderboard, options: LeaderboardRouteOptions): Checked {
  if (typeof board?.around !== 'function') {
    throw invalid('leaderboard board', board, 'give a leaderboard made by createLeaderboard')
  }
  checkOptions('leaderboard', options, OPTIONS)
  const { path = '/leaderboard', windows = board.windows.slice(0, 1) } = options
  const { ranks = 'ordinal', data = false } = options
  if (typeof path !== 'string' || !/^(\/[^/?#]+)+$/.test(path)) {
    throw invalid('leaderboard path', path, "give a path such as '/leaderboard', without a slash at its end")
  }
  if (!Array.isArray(windows) || windows.length === 0) {
    throw invalid('leaderboard windows', windows, 'give a list of at least one window')
  }
  for (const window of windows) {
    if (board.windows.includes(window)) continue
    throw invalid('leaderboard windows', window, `the board has ${board.windows.join(', ')}`)
  }
  if (!STYLES.includes(ranks)) throw invalid('leaderboard ranks', ranks, `give one of ${STYLES.join(', ')}`)
  if (ranks === 'dense' && !board.denseRanks) {
    throw invalid('leaderboard ranks', ranks, 'make the board with denseRanks: true')
  }
  if (typeof data !== 'boolean') throw invalid('leaderboard data', data, 'give true or false')
  return {
    path,
    windows,
    ranks,
    data,
    maxCount: whole('maxCount', options.maxCount ?? 100, 1, data ? 200 : 1000),
    maxEach: whole('maxEach', options.maxEach ?? 25, 0, data ? 99 : 500),
    maxAgeMs: durationMs('leaderboard maxAge', options.maxAge ?? '1s', { min: 0, max: 86_400_000 }),
  }
}

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw invalid(`leaderboard ${name}`, value, `give a whole number from ${min} to ${max}`)
}
