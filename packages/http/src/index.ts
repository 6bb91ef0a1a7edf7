export {
  accept,
  adapt,
  idempotent,
  leaderboard,
  type NodeContext,
  type NodeMiddleware,
  notifications,
  rateLimit,
  requestLog,
} from './node.ts'
export * from './plugins.ts'
