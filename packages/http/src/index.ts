export {
  adapt,
  idempotent,
  leaderboard,
  type NodeMiddleware,
  notifications,
  rateLimit,
  requestLog,
} from './node.ts'
export * from './plugins.ts'
