export { adapt, type NodeMiddleware, notifications, rateLimit, requestLog } from './node.ts'
export * from './plugins.ts'
