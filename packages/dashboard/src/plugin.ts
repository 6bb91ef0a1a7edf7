import { inspect, type Penknife } from '@penknife/core'
import { definePlugin, type Handler, PASS, type Plugin, type Reply } from '@penknife/http'

import { userOf } from './access.ts'
import { createApi } from './api.ts'
import { createAudit } from './audit.ts'
import { HASHED, PRIVATE } from './headers.ts'
import { createLiveOverview } from './live-overview.ts'
import { createLiveStreams } from './live-stream.ts'
import { createLive } from './live.ts'
import { type Place, placeOf } from './mount.ts'
import { createOpened } from './opened.ts'
import { checkDashboard, type DashboardOptions } from './options.ts'
import { createOverview } from './overview.ts'
import { createReport } from './report.ts'
import type { Dashboard } from './route.ts'
import { createShow } from './shown.ts'
import { ASSETS, PAGE } from './ui.gen.ts'

/**
 * Serves the dashboard. Requests outside of its path pass. Every request inside is answered: with 404 unless `authorize` returned a user.
 *
 * It sends no command until a request comes. docs/dashboard.md has the cost.
 *
 * @throws PENKNIFE_INVALID without `authorize`, and for a wrong option.
 */
export const dashboardPlugin: Plugin<[penknife: Penknife, options: DashboardOptions<never>], Handler> =
  definePlugin({
    name: 'dashboard',
    setup(penknife, given) {
      const options = checkDashboard(penknife, given)
      const report = createReport()
      const inspector = inspect(penknife)
      const dashboard: Dashboard = {
        penknife,
        options,
        inspector,
        stream: createOpened(inspector),
        overview: createOverview(penknife, inspector),
        audit: createAudit(penknife, options),
        show: createShow(options.redact, report),
      }
      const live = createLive(options.maxLive)
      const liveOverview = createLiveOverview(dashboard.overview)
      const liveStreams = createLiveStreams(() => dashboard)
      const api = createApi(dashboard, live, liveOverview, liveStreams, report)

      const handler: Handler = async (exchange) => {
        const place = placeOf(exchange, options.path)
        if (!place) return PASS
        const user = await userOf(exchange, options, report)
        if (!user) return NOT_FOUND
        if (place.kind === 'api') return api.answer(exchange, place.name, user)
        if (exchange.method !== 'GET' && exchange.method !== 'HEAD') return NO_METHOD
        return fileOf(place)
      }
      handler.close = async (deadlineMs) => {
        liveOverview.close()
        liveStreams.close()
        await live.close(deadlineMs)
      }
      return handler
    },
  })

const NOT_FOUND: Reply = { status: 404, headers: PRIVATE, body: 'Not Found' }
const NO_METHOD: Reply = {
  status: 405,
  headers: { ...PRIVATE, Allow: 'GET, HEAD' },
  body: 'Method Not Allowed',
}

function fileOf(place: Exclude<Place, { readonly kind: 'api' }>): Reply {
  if (place.kind === 'redirect') return { status: 308, headers: { ...PRIVATE, Location: place.location } }
  if (place.kind === 'page')
    return { status: 200, headers: { ...PRIVATE, 'Content-Type': 'text/html; charset=utf-8' }, body: PAGE }
  const file = place.kind === 'asset' ? ASSETS.get(place.name) : undefined
  if (!file) return NOT_FOUND
  return { status: 200, headers: { ...HASHED, 'Content-Type': file.type }, body: file.text }
}
