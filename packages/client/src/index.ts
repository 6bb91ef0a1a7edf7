export { connect } from './connect.ts'
export { applyLiveChange } from './view.ts'
export type { Jsonified } from './json.ts'
export type * from './types.ts'
