import { type Duration, type Leaderboard, type BoardRankStyle } from '@penknife/core'
import { checkOptions, durationMs, invalid } from '@penknife/core/internal'

export interface LeaderboardRouteOptions {
  /**
   * Where it answers: `<path>/top`, `<path>/around/<member>` and `<path>/rank/<member>`. It is compared with the path
   * that the client sent, so below a mount point it is the whole path. Default: '/leaderboard'.
   */
  readonly path?: string
  /** Windows of the board that clients may ask for with `?window=`. Default: the first alone. */
  readonly windows?: readonly string[]
  /** How ranks count in every answer: 'ordinal', 'competition' or 'dense'. Default: 'ordinal'. */
  readonly ranks?: BoardRankStyle
  /** Give the members' data with the rows; everybody sees it then. Default: false. */
  readonly data?: boolean
  /** Rows that `?count=` may ask for: 1 to 1,000, with data to 200. Default: 100. */
  readonly maxCount?: number
  /** Rows before and after a member that `?each=` may ask for: 0 to 500, with data to 99. Default: 25. */
  readonly maxEach?: number
  /**
   * How long an answer may be used again: by clients and proxies (`Cache-Control: max-age`, in whole seconds), and by this
   * process for its `top`, of which it makes one read for all who ask within that time. A client may so see rows
   * that are twice as old. 0: every answer is read afresh. Default: 1 s.
   */
  readonly maxAge?: Duration
}

/** The options with their defaults, and the board's windows that may be asked for. */
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
