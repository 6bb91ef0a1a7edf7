export type * from '../trace-messages.ts'
export { createTracing } from './tracing.ts'
export type * from './types.ts'
