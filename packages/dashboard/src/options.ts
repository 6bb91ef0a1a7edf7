import type { Penknife } from '@penknife/core'
import { checkName, checkOptions, invalid, wholeNumber } from '@penknife/core/internal'

import type { DashboardRole } from './api-types.ts'

/** A user of the dashboard. */
export interface DashboardUser {
  /** A name for the audit: 1 to 256 characters. */
  readonly user: string
  /** `read` sees everything, `operate` may also act. */
  readonly role: DashboardRole
}

/** Where a value comes from that `redact` gets. */
export interface DashboardSource {
  readonly space: string
  /**
   * - `payload`: of an entry, a dead letter or a schedule of `stream`; also its progress and its result.
   * - `member`: the data of a member of `board`. `event`: the data of an event of `channel` of `notifier`.
   */
  readonly kind: 'payload' | 'member' | 'event'
  readonly stream?: string | undefined
  readonly board?: string | undefined
  readonly notifier?: string | undefined
  readonly channel?: string | undefined
}

export interface DashboardOptions<Context = unknown> {
  /**
   * Decides about each request. `undefined` or `false`: the answer is 404. It gets what your framework gives its middleware, and may be
   * async, within 30 s. If it throws, the answer is 404 too, and a process warning has the error. Required.
   */
  readonly authorize: (
    context: Context,
  ) => DashboardUser | false | undefined | Promise<DashboardUser | false | undefined>
  /**
   * Changes a payload, a member's data or an event's data before it is shown, such as to remove a password. If it throws or returns a promise,
   * the value is not shown. Default: everything is shown.
   */
  readonly redact?: ((value: unknown, source: DashboardSource) => unknown) | undefined
  /**
   * The path of the dashboard as it reaches this server, without a slash at its end. '/': it answers every request that reaches it. Default: the
   * path at which Express or koa-mount mounted it, else '/penknife'.
   */
  readonly path?: string | undefined
  /** Allows only reads, also to users with the role `operate`. Default: false. */
  readonly readOnly?: boolean | undefined
  /** Shown as the heading: 1 to 64 characters. Default: 'penknife'. */
  readonly title?: string | undefined
  /** The space of the stream `audit`, to which every action is added. Default: 'penknife-dashboard'. */
  readonly auditSpace?: string | undefined
  /** How many records the audit keeps: 100 to 1,000,000. Default: 10,000. */
  readonly auditEntries?: number | undefined
  /** The most live pages of this process: 1 to 1,000. More get 429. Default: 50. */
  readonly maxLive?: number | undefined
}

/** The checked options with their defaults. */
export interface Checked {
  readonly authorize: DashboardOptions<never>['authorize']
  readonly redact: DashboardOptions['redact']
  readonly path: string | undefined
  readonly readOnly: boolean
  readonly title: string
  readonly auditSpace: string
  readonly auditEntries: number
  readonly maxLive: number
}

const KNOWN = [
  'authorize',
  'redact',
  'path',
  'readOnly',
  'title',
  'auditSpace',
  'auditEntries',
  'maxLive',
] as const

export function checkDashboard(penknife: Penknife, options: DashboardOptions<never>): Checked {
  if (typeof penknife?.space !== 'function' || typeof penknife.health !== 'function')
    throw invalid('dashboard penknife', penknife, 'give what connect() returned')
  const given: unknown = options ?? {}
  checkOptions('dashboard', given as object, KNOWN)
  const {
    authorize,
    redact,
    path,
    readOnly = false,
    title = 'penknife',
    auditSpace = 'penknife-dashboard',
  } = given as Partial<DashboardOptions<never>>
  if (typeof authorize !== 'function') {
    throw invalid(
      'authorize',
      authorize,
      "give a function that returns { user, role: 'read' or 'operate' } for users who may see the dashboard, and false for all others",
    )
  }
  if (redact !== undefined && typeof redact !== 'function')
    throw invalid('redact', redact, 'give a function that returns what may be shown of a value')
  if (path !== undefined && (typeof path !== 'string' || !/^(\/|(\/[^/?#]+)+)$/.test(path)))
    throw invalid(
      'dashboard path',
      path,
      "give '/', or a path such as '/penknife', without a slash at its end",
    )
  if (typeof readOnly !== 'boolean') throw invalid('readOnly', readOnly, 'give true or false')
  if (typeof title !== 'string' || title.length === 0 || title.length > 64)
    throw invalid('title', title, 'give 1 to 64 characters')
  return {
    authorize,
    redact,
    path,
    readOnly,
    title,
    auditSpace: checkName('auditSpace', auditSpace),
    auditEntries: wholeNumber(
      'auditEntries',
      (given as DashboardOptions).auditEntries ?? 10_000,
      100,
      1_000_000,
    ),
    maxLive: wholeNumber('maxLive', (given as DashboardOptions).maxLive ?? 50, 1, 1000),
  }
}
