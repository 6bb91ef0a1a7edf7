import type { Penknife } from '@penknife/core'
import { adapt, type ExpressContext, type ExpressMiddleware } from '@penknife/express'

import type { DashboardOptions } from './options.ts'
import { dashboardPlugin } from './plugin.ts'

export type { DashboardOptions, DashboardSource, DashboardUser } from './options.ts'

/**
 * The dashboard as a middleware for Express: `app.use('/penknife', dashboard(penknife, { authorize }))`.
 *
 * @throws PENKNIFE_INVALID without `authorize`, and for a wrong option.
 */
export const dashboard: <Context = ExpressContext>(
  penknife: Penknife,
  options: DashboardOptions<Context>,
) => ExpressMiddleware = adapt(dashboardPlugin)
