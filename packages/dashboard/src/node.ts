import type { Penknife } from '@penknife/core'
import { adapt, type NodeContext, type NodeMiddleware } from '@penknife/http'

import type { DashboardOptions } from './options.ts'
import { dashboardPlugin } from './plugin.ts'

export type { DashboardOptions, DashboardSource, DashboardUser } from './options.ts'

/**
 * The dashboard as a middleware for node:http: `if (await dash(request, response)) …` is for all other paths. It serves `/penknife`.
 *
 * @throws PENKNIFE_INVALID without `authorize`, and for a wrong option.
 */
export const dashboard: <Context = NodeContext>(
  penknife: Penknife,
  options: DashboardOptions<Context>,
) => NodeMiddleware = adapt(dashboardPlugin)
