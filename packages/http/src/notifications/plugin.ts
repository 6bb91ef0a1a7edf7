import type { AnyNotifier, NotifierMessage } from '@penknife/core'

import type { Answer, Reply } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { problem } from '../problem.ts'
import type { StreamWriter } from '../stream-writer.ts'
import { reportOnce } from '../warn.ts'
import { allowedBy, channelsOf, typesOf, userOf } from './answers.ts'
import { checkClients } from './clients/clients.ts'
import { checkNotifications, checkTypes, type NotificationsOptions, timesOf } from './options.ts'
import { fitsCursor, MAX_CURSOR } from './session/cursor.ts'
import type { Session } from './session/session.ts'
import { createSessions, type Opened } from './session/sessions.ts'
import type { Farewell } from './session/transport.ts'
import { formatOf } from './sse/format.ts'
import { farewellFrame } from './sse/frames.ts'
import { lastIdsOf, wasClosed } from './sse/last-ids.ts'
import { createServerSentEvents } from './sse/transport.ts'
import { beginningsOf } from './state.ts'
import { withViews } from './views/with-views.ts'

/** Compressors and proxies hold events back without these. */
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
} as const

type NotificationsArgs = readonly [notifier: AnyNotifier, options: NotificationsOptions]

/**
 * Serves the channels of a notifier as server-sent events, for a browser's EventSource.
 *
 * Each event has the message's type as `event`, and `{"channel":…,"data":…}` as `data`. A client that reconnects gets every
 * event after its last one, once and in order: the `id` of each event has the position in all its channels. The browser sends
 * it back as `Last-Event-ID`; other clients may send `?lastEventId=`. If the history is gone, or the id is not valid, the
 * client gets `reset` with `{"channel":…}`: it must load the state of this channel again.
 *
 * With `user`, `notifier.revoke` removes channels from the connection: the client gets `revoked` with `{"channel":…}`, and its
 * other channels continue. A `closed` event ends the stream: with `{"reason":"revoked"}` when no channel is left or all
 * rights were revoked, with `{"reason":"connections"}` when newer connections of the user replaced it. A client that then
 * reconnects by itself gets 204, which stops an EventSource. So two pages do not replace each other without end. A page that
 * wants to return makes a new EventSource with the event's `cursor` as `?lastEventId=`.
 *
 * Do not publish the types 'reset', 'state', 'revoked', 'closed', 'open' and 'error'.
 *
 * A slow client costs at most 64 KiB and one event of memory. It gets the rest from the history when it reads again, and is
 * disconnected when it reads nothing for `stall`. `close()`, which penknife.close() calls, asks every client to reconnect, and
 * later clients too, because a browser never reconnects after another status than 200. Cost: one subscription for each client.
 */
export const notificationsPlugin: Plugin<NotificationsArgs, Handler> = definePlugin({
  name: 'notifications',
  setup(notifier, options) {
    checkNotifications(notifier, options)
    const { channels, authorize, perUser, types } = options
    const clients = checkClients('notifications', options.clients)
    const format = formatOf(
      options.format ?? 'envelope',
      reportOnce('PENKNIFE_CALLBACK', 'notifications sends a reset instead of events that format fails for'),
    )
    const sse = createServerSentEvents(format)
    const sessions = createSessions({
      ...withViews(notifier, options.views),
      perUser,
      presence: options.presence,
      ...timesOf(options),
      ...beginningsOf('notifications', options),
      report: reportOnce('PENKNIFE_NOTIFICATIONS', 'notifications: clients cannot follow their channels'),
    })
    const reportRefusal = reportOnce(
      'PENKNIFE_CALLBACK',
      'notifications denies clients for which authorize failed',
    )

    async function channelsFor(exchange: Exchange): Promise<readonly string[]> {
      const list = typeof channels === 'function' ? channelsOf(await channels(exchange)) : channels
      return [...new Set(list)]
    }

    /** The channels that the client may follow. */
    async function allowedOf(exchange: Exchange, list: readonly string[]): Promise<readonly string[]> {
      return authorize ? allowedBy(await authorize(exchange, list), list, reportRefusal) : list
    }

    function begin(session: Session, writer: StreamWriter, exchange: Exchange, user?: string): void {
      session.open(sse.transport(writer))
      if (!clients || writer.closed) return
      const served = {
        transport: 'sse',
        user,
        channels: () => session.followed,
        nudge: (message: NotifierMessage) => session.nudge(message),
        reconnect: () => void session.end('reconnect'),
      } as const
      writer.onClose(clients.add(served, exchange))
    }

    function answerTo(opened: Opened, exchange: Exchange, user?: string): Answer {
      if (opened.kind === 'refused') return problem(403)
      if (opened.kind === 'ended') return lastReply(opened.farewell)
      if (opened.kind === 'invalid') {
        const { error } = opened
        if (typeof channels !== 'function' && error.option !== 'user') throw error
        return problem(400, { detail: error.message })
      }
      return {
        status: 200,
        headers: HEADERS,
        endless: true,
        stream: (writer) => begin(opened.session, writer, exchange, user),
      }
    }

    const handler: Handler = async (exchange) => {
      if (exchange.method === 'HEAD') return { status: 200, headers: HEADERS, body: '' }
      if (exchange.method !== 'GET') return problem(405, { headers: { Allow: 'GET, HEAD' } })
      const cursors = lastIdsOf(exchange)
      if (wasClosed(cursors)) return { status: 204 }
      const { farewell } = sessions
      if (farewell) return lastReply(farewell)
      const list = await channelsFor(exchange)
      if (list.length === 0) return problem(400, { detail: 'There is no channel to follow.' })
      if (!fitsCursor(list)) {
        return problem(400, {
          detail: `The channels' names do not fit in a cursor of ${MAX_CURSOR} characters.`,
        })
      }
      const user = userOf(await options.user?.(exchange))
      async function authorized(): Promise<readonly string[]> {
        const allowed = await allowedOf(exchange, list)
        // A client that is gone must not push out another connection of the user.
        return exchange.gone ? [] : allowed
      }
      const wanted = typesOf(typeof types === 'function' ? await types(exchange) : types)
      const refusal = refusalOf(wanted)
      if (refusal) return refusal
      const request = { channels: list, user, cursors, types: wanted, authorize: authorized }
      return answerTo(await sessions.open(sse, request), exchange, user)
    }
    handler.close = (deadlineMs) => sessions.close(deadlineMs)
    return handler
  },
})

/** The reply to a client that asked for types that no event can have. */
function refusalOf(types: readonly string[] | undefined): Reply | undefined {
  try {
    checkTypes('notifications', types)
    return undefined
  } catch (error) {
    return problem(400, { detail: (error as Error).message })
  }
}

/** The reply to a client that is not served: a stream that ends, because a browser never reconnects after another status than 200. */
function lastReply(farewell: Farewell): Reply {
  return { status: 200, headers: HEADERS, body: farewellFrame(farewell) }
}
