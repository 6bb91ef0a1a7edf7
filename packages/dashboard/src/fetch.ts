import type { Penknife } from '@penknife/core'
import { adapt, type FetchExchangeContext, type FetchMiddleware } from '@penknife/fetch'

import type { DashboardOptions } from './options.ts'
import { dashboardPlugin } from './plugin.ts'

export type { DashboardOptions, DashboardSource, DashboardUser } from './options.ts'

/**
 * The dashboard as a middleware for servers of Request and Response. It serves `/penknife`.
 *
 * @throws PENKNIFE_INVALID without `authorize`, and for a wrong option.
 */
export const dashboard: <Context = FetchExchangeContext>(
  penknife: Penknife,
  options: DashboardOptions<Context>,
) => FetchMiddleware = adapt(dashboardPlugin)
