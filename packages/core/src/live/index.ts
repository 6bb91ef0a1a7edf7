export { applyLiveChange } from './change.ts'
export { live } from './live.ts'
export type * from './types.ts'
