import type { Penknife } from '@penknife/core'
import { adapt, type FastifyContext, type FastifyMiddleware } from '@penknife/fastify'

import type { DashboardOptions } from './options.ts'
import { dashboardPlugin } from './plugin.ts'

export type { DashboardOptions, DashboardSource, DashboardUser } from './options.ts'

/**
 * The dashboard as a hook for Fastify: `app.register(mount([dashboard(penknife, { authorize })]))` serves `/penknife`.
 *
 * @throws PENKNIFE_INVALID without `authorize`, and for a wrong option.
 */
export const dashboard: <Context = FastifyContext>(
  penknife: Penknife,
  options: DashboardOptions<Context>,
) => FastifyMiddleware = adapt(dashboardPlugin)
