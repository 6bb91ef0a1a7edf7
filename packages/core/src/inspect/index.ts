export { errorPattern } from './dead-letters.ts'
export type {
  InspectDeadActionOptions,
  InspectDeadFilter,
  InspectDeadGroupsOptions,
  InspectedDeadAction,
  InspectedDeadGroup,
  InspectedDeadGroups,
} from './dead-letters.ts'
export type { InspectDeniedOptions, InspectedDenied, InspectedDeniedSubject } from './denied.ts'
export type * from './explain-types.ts'
export { inspect } from './inspector.ts'
export type * from './inspector-types.ts'
export type * from './types.ts'
