export type {
  DashboardActions,
  DashboardFailure,
  DashboardLive,
  DashboardReads,
  DashboardRole,
} from './api-types.ts'
export type { DashboardOptions, DashboardSource, DashboardUser } from './options.ts'
export { dashboardPlugin } from './plugin.ts'
