export { createLeaderboard } from './leaderboard.ts'
export type * from './types.ts'
