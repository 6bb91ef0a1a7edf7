import type { Penknife } from '@penknife/core'
import { adapt, type KoaCallbackContext, type KoaMiddleware } from '@penknife/koa'

import type { DashboardOptions } from './options.ts'
import { dashboardPlugin } from './plugin.ts'

export type { DashboardOptions, DashboardSource, DashboardUser } from './options.ts'

/**
 * The dashboard as a middleware for Koa: `app.use(dashboard(penknife, { authorize }))` serves `/penknife`.
 *
 * @throws PENKNIFE_INVALID without `authorize`, and for a wrong option.
 */
export const dashboard: <Context = KoaCallbackContext>(
  penknife: Penknife,
  options: DashboardOptions<Context>,
) => KoaMiddleware = adapt(dashboardPlugin)
