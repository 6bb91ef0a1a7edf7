export { createMetrics } from './metrics.ts'
export type * from './types.ts'
