export type { Effect } from './effect.ts'
export { record } from './record.ts'
export type * from './refusals.ts'
export type * from './types.ts'
