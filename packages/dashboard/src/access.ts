import { invalid } from '@penknife/core/internal'
import type { Exchange } from '@penknife/http'

import type { Checked, DashboardUser } from './options.ts'
import type { Report } from './report.ts'

const LONGEST_USER = 256
/** Requests that wait longer would pile up. */
const ANSWER_MS = 30_000
const WHAT = 'authorize of the dashboard failed, and the request got 404'

/** Asks the application who the user is. Undefined: a user who may not see the dashboard. Never rejects. */
export async function userOf(
  exchange: Exchange,
  { authorize, readOnly }: Checked,
  report: Report,
): Promise<DashboardUser | undefined> {
  try {
    const answer: unknown = await inTime(authorize(exchange.context as never))
    if (answer === undefined || answer === false) return undefined
    const { user, role } = (answer ?? {}) as Partial<DashboardUser>
    if (typeof user !== 'string' || user === '' || user.length > LONGEST_USER || !isRole(role))
      throw invalid(
        'the answer of authorize',
        answer,
        "return { user: 'ann', role: 'read' } or { user: 'ann', role: 'operate' }, with a user of 1 to 256 characters; or false",
      )
    return { user, role: readOnly ? 'read' : role }
  } catch (error) {
    report(WHAT, error)
    return undefined
  }
}

/** Rejects if it takes too long. */
async function inTime(answer: unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((_resolve, reject) => {
    const error = invalid('the answer of authorize', answer, `answer within ${ANSWER_MS / 1000} s`)
    timer = setTimeout(reject, ANSWER_MS, error).unref()
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

function isRole(role: unknown): role is DashboardUser['role'] {
  return role === 'read' || role === 'operate'
}

/** The header that every action has. A page of another site cannot send it without a permission of this server, which gives none. */
const HEADER = 'x-penknife-dashboard'

/** Why an action comes from another site than the dashboard, or may; undefined: it comes from the dashboard. */
export function crossSite(exchange: Exchange): string | undefined {
  if (exchange.header(HEADER) !== '1') return 'The header X-Penknife-Dashboard: 1 is missing.'
  return foreignPage(exchange)
}

/**
 * Why a request comes from a page of another site. Browsers set Sec-Fetch-Site on https and localhost, whatever a proxy does with the host.
 * Elsewhere the origin is compared with the host. A client that is no browser sends neither.
 */
export function foreignPage(exchange: Exchange): string | undefined {
  const site = exchange.header('sec-fetch-site')
  if (site !== undefined) return site === 'same-origin' ? undefined : 'The request comes from another site.'
  const origin = exchange.header('origin')
  if (origin === undefined) return undefined
  const authority: unknown = exchange.header('host') ?? exchange.headers[':authority']
  return URL.canParse(origin) && new URL(origin).host === authority
    ? undefined
    : 'The request comes from another site, or a proxy changed its Host header.'
}
