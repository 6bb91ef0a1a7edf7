import type { Exchange, Reply, StreamReply } from '@penknife/http'

import { crossSite, foreignPage } from './access.ts'
import { otherActions } from './actions/others.ts'
import { streamActions } from './actions/streams.ts'
import type { ActionAnswer, DashboardActions, DashboardReads } from './api-types.ts'
import { readBody } from './body.ts'
import { Refusal, replyOf, toRefusal } from './failures.ts'
import { PRIVATE } from './headers.ts'
import { name, parse, queryOf } from './input.ts'
import type { Live } from './live.ts'
import type { LiveOverview } from './live-overview.ts'
import type { LiveStreams } from './live-stream.ts'
import type { DashboardUser } from './options.ts'
import { otherReads } from './reads/others.ts'
import { streamReads } from './reads/streams.ts'
import type { Report } from './report.ts'
import type { Action, Dashboard, Read } from './route.ts'

const READS: ReadonlyMap<string, Read<unknown>> = new Map(
  Object.entries({ ...streamReads, ...otherReads } satisfies {
    [Name in keyof DashboardReads]: Read<DashboardReads[Name]['answer']>
  }),
)

const ACTIONS: ReadonlyMap<string, Action> = new Map(
  Object.entries({ ...streamActions, ...otherActions } satisfies {
    [Name in keyof DashboardActions]: Action
  }),
)

/** Actions that run at once in this process. */
const MOST_ACTIONS = 16

export interface Api {
  /** Answers a request of a user who may see the dashboard. Never rejects. */
  answer(exchange: Exchange, route: string, user: DashboardUser): Promise<Reply | StreamReply>
}

export function createApi(
  dashboard: Dashboard,
  live: Live,
  overview: LiveOverview,
  streams: LiveStreams,
  report: Report,
): Api {
  let acting = 0

  async function get(exchange: Exchange, route: string, user: DashboardUser): Promise<Reply | StreamReply> {
    const foreign = foreignPage(exchange)
    if (foreign !== undefined) throw new Refusal('cross-site', foreign)
    const query = queryOf(exchange.query)
    if (route === 'live') {
      parse({}, query)
      return live.reply((send) => overview.follow(send))
    }
    if (route === 'live-stream') {
      const { space, stream } = parse({ space: name, stream: name }, query)
      // It refuses a stream that is not registered.
      await dashboard.stream(space, stream)
      return live.reply(streams.follow(space, stream))
    }
    const found = READS.get(route)
    if (found) return ok(await found.run(query, dashboard, user))
    throw ACTIONS.has(route)
      ? new Refusal('method', 'An action needs POST.')
      : new Refusal('not-found', 'There is no such route.')
  }

  async function post(exchange: Exchange, route: string, { user, role }: DashboardUser): Promise<Reply> {
    const act = { user, action: ACTIONS.has(route) ? route : 'unknown', target: '' }
    const refuse = async (refusal: Refusal): Promise<Reply> => {
      await dashboard.audit.refused(act, refusal.message)
      return replyOf(refusal)
    }
    if (role !== 'operate') return refuse(new Refusal('forbidden', 'Your role may only read.'))
    const foreign = crossSite(exchange)
    if (foreign !== undefined) return refuse(new Refusal('cross-site', foreign))
    const found = ACTIONS.get(route)
    if (!found)
      throw READS.has(route)
        ? new Refusal('method', 'A read needs GET.')
        : new Refusal('not-found', 'There is no such route.')
    if (acting >= MOST_ACTIONS) return refuse(new Refusal('busy', 'Too many actions run at once.'))
    acting += 1
    try {
      const prepared = await prepare(exchange, found)
      if (prepared instanceof Refusal) return await refuse(prepared)
      const { target, run } = prepared
      return ok(await perform({ ...act, target }, () => run(dashboard)))
    } finally {
      acting -= 1
    }
  }

  async function prepare(
    exchange: Exchange,
    found: Action,
  ): Promise<ReturnType<Action['prepare']> | Refusal> {
    try {
      return found.prepare(await readBody(exchange))
    } catch (error) {
      return toRefusal(error, report)
    }
  }

  /** Runs an action between its two records. Without the first one it does not run. */
  async function perform(
    act: { readonly user: string; readonly action: string; readonly target: string },
    run: () => Promise<ActionAnswer>,
  ): Promise<ActionAnswer> {
    const of = await dashboard.audit.begin(act)
    try {
      const answer = await run()
      await dashboard.audit.end(act, of, answer.changed ? 'done' : 'nothing', answer.text)
      return answer
    } catch (error) {
      const refusal = toRefusal(error, report)
      const happened = refusal.code === 'unavailable' || refusal.code === 'failed'
      await dashboard.audit.end(act, of, happened ? 'failed' : 'refused', refusal.message)
      throw refusal
    }
  }

  return {
    async answer(exchange, route, user) {
      try {
        if (exchange.method === 'GET' || exchange.method === 'HEAD') return await get(exchange, route, user)
        if (exchange.method === 'POST') return await post(exchange, route, user)
        return replyOf(new Refusal('method', 'Use GET or POST.'), { Allow: 'GET, HEAD, POST' })
      } catch (error) {
        return replyOf(toRefusal(error, report))
      }
    },
  }
}

function ok(body: unknown): Reply {
  return { status: 200, headers: PRIVATE, body }
}
