import { type AdmissionEnd, type AnyNotifier, PenknifeError } from '@penknife/core'

import type { Answer, Reply } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { problem } from '../problem.ts'
import { reportOnce, warn } from '../warn.ts'
import { allowedBy, channelsOf, userOf } from './answers.ts'
import { createClients } from './clients.ts'
import { Crowds } from './crowd.ts'
import { fitsCursor, MAX_CURSOR } from './cursor.ts'
import { ClientFeed } from './feed.ts'
import { retryFrame } from './frames.ts'
import { admitGuest, type Guest } from './guest.ts'
import { checkNotifications, type NotificationsOptions, timesOf } from './options.ts'
import { type LastIds, lastIdsOf, resumeFrom, wasClosed } from './resume.ts'

/** Compressors and proxies hold events back unless they are told not to. */
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
} as const

type NotificationsArgs = readonly [notifier: AnyNotifier, options: NotificationsOptions]

/**
 * Server-sent events of a notifier's channels, for a browser's own EventSource.
 *
 * Each event has the message's type as `event` and `{"channel":…,"data":…}` as `data`. A client that reconnects
 * sees every event after its last one once, in order: the `id` of each event carries the position in all its
 * channels (given back as `Last-Event-ID`, or by other clients as `?lastEventId=`). Where that is not possible,
 * because the history is gone or the id is not one of ours, a `reset` event with `{"channel":…}` says: load the
 * state of this channel afresh.
 *
 * Where a `user` was named, `notifier.revoke` takes channels out of the connection: the client is told by `revoked` with
 * `{"channel":…}`, and its other channels go on. When none is left, when all rights were revoked (`{"reason":"revoked"}`) or
 * newer connections of the user took its place (`{"reason":"connections"}`) a `closed` event ends the stream, and a client
 * that comes back by itself is stopped (204), whether it gives its id as header or in the address: so that two pages do not
 * push each other out for ever. A page that wants back makes a new EventSource with the event's `cursor` as `?lastEventId=`.
 *
 * So message types 'reset', 'state', 'revoked', 'closed', 'open' and 'error' are better avoided.
 *
 * A client that does not take its events costs no memory beyond 64 KiB and one event: it gets the rest out of the
 * history when it takes them, and is cut off when it takes nothing for `stall`. `close()`, which penknife.close() calls,
 * sends every client away with a time to come back; later ones are sent away as well, because a browser
 * takes everything but a 200 as the end for good. One subscription for each client.
 */
export const notificationsPlugin: Plugin<NotificationsArgs> = definePlugin({
  name: 'notifications',
  setup(notifier, options) {
    checkNotifications(notifier, options)
    const { channels, authorize, perUser } = options
    const { retryMs, heartbeatMs, stallMs } = timesOf(options)
    /** Tells a client when to come back, each another time; nothing where that is switched off. */
    const whenToReturn = (): string =>
      retryMs === undefined ? '' : retryFrame(retryMs * (0.5 + Math.random()))
    const clients = createClients({ heartbeatMs, whenToReturn })
    const crowds = new Crowds()
    const reportRefusal = reportOnce(
      'PENKNIFE_CALLBACK',
      'notifications turns clients away that authorize did not decide about',
    )
    let closed = false
    let warned = false
    /** Clients, and what is registered with penknife.close() while there are some. */
    let served = 0
    let forget = (): unknown => undefined

    function close(): Promise<void> {
      closed = true
      return clients.close()
    }

    const comeBack = (): Reply => ({ status: 200, headers: HEADERS, body: whenToReturn() })

    /** Serves a client that may follow these channels. */
    async function follow(
      lastIds: LastIds,
      list: readonly string[],
      refused: readonly string[],
      guest: Guest | undefined,
    ): Promise<Answer> {
      const resumed = resumeFrom(lastIds, list)
      const from = resumed ?? new Map<string, string>()
      const lost = resumed ? list.filter((channel) => !from.has(channel)) : []
      const [sole] = list.length === 1 ? list : []
      const crowd = sole === undefined ? undefined : crowds.enter(sole)
      if (++served === 1) forget = notifier.onClose(close)
      const exit = (): void => {
        if (sole !== undefined) crowds.exit(sole)
        if (--served === 0) forget()
      }
      const feed = new ClientFeed({ channels: list, from, lost, refused, stallMs, crowd })
      const subscription = await notifier
        .subscribe(list, {
          from: toRecord(from),
          onEvent: (event, following) => feed.onEvent(event, following),
          ...(guest ? { admission: guest.admission } : {}),
          ...(crowd
            ? { audience: crowd, onAudience: (inside, following) => feed.onAudience(inside, following) }
            : {}),
        })
        .catch((error: unknown) => {
          exit()
          throw error
        })
      const leave = (): void => {
        exit()
        subscription.close()
        guest?.close()
      }
      // Whose rights changed while they were being asked for is to ask again.
      const turnAway = (): string =>
        guest?.turnedAway === 'connections' ? feed.closing('connections') : whenToReturn()
      if (closed || guest?.turnedAway) {
        leave()
        return { status: 200, headers: HEADERS, body: turnAway() }
      }
      return {
        status: 200,
        headers: HEADERS,
        endless: true,
        stream(writer) {
          writer.onClose(leave)
          if (writer.closed) return
          if (guest?.turnedAway) {
            void clients.dismiss(writer, turnAway())
            return
          }
          writer.write(whenToReturn())
          feed.start(writer, subscription)
          clients.add(writer)
          const end = (reason: AdmissionEnd): void => {
            const last = reason === 'lost' ? whenToReturn() : feed.closing(reason)
            void clients.dismiss(writer, last)
          }
          guest?.begin({
            revoked: (gone) => void (feed.revoke(gone) || end('revoked')),
            ended: end,
          })
        },
      }
    }

    /** The answer to a client that cannot be served now, or asked for what cannot be. */
    function failed(error: unknown): Answer {
      if (!isInvalid(error)) {
        if (!warned && !isOutage(error))
          warn('PENKNIFE_NOTIFICATIONS', 'clients cannot follow their channels', error)
        warned = true
        return comeBack()
      }
      if (typeof channels === 'function' || error.option === 'user') {
        return problem(400, { detail: error.message })
      }
      throw error
    }

    /** Those of the channels that the client may follow. */
    async function allowedOf(exchange: Exchange, list: readonly string[]): Promise<readonly string[]> {
      return authorize ? allowedBy(await authorize(exchange, list), list, reportRefusal) : list
    }

    async function serve(exchange: Exchange, lastIds: LastIds, list: readonly string[]): Promise<Answer> {
      const user = userOf(await options.user?.(exchange))
      let guest: Guest | undefined
      let allowed: readonly string[]
      try {
        // Before anybody is asked what the user may, so that no revocation falls behind the answer.
        if (user !== undefined) guest = await admitGuest(notifier, user, list)
      } catch (error) {
        return failed(error)
      }
      try {
        allowed = await allowedOf(exchange, list)
      } catch (error) {
        guest?.close()
        throw error
      }
      if (allowed.length === 0) {
        guest?.close()
        return problem(403)
      }
      try {
        if (perUser !== undefined) await guest?.admission.limit(perUser)
        const refused = list.filter((channel) => !allowed.includes(channel))
        return await follow(lastIds, allowed, refused, guest)
      } catch (error) {
        guest?.close()
        return failed(error)
      }
    }

    const handler: Handler = async (exchange) => {
      if (exchange.method === 'HEAD') return { status: 200, headers: HEADERS, body: '' }
      if (exchange.method !== 'GET') return problem(405, { headers: { Allow: 'GET, HEAD' } })
      const lastIds = lastIdsOf(exchange)
      if (wasClosed(lastIds)) return { status: 204 }
      if (closed) return comeBack()
      const list = [
        ...new Set(typeof channels === 'function' ? channelsOf(await channels(exchange)) : channels),
      ]
      if (list.length === 0) return problem(400, { detail: 'There is no channel to follow.' })
      if (!fitsCursor(list)) {
        return problem(400, {
          detail: `The channels' names do not fit in a cursor of ${MAX_CURSOR} characters.`,
        })
      }
      return serve(exchange, lastIds, list)
    }
    handler.close = close
    return handler
  },
})

/** Without a prototype, because a channel may be called 'constructor'. */
function toRecord(positions: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.assign(Object.create(null), Object.fromEntries(positions))
}

function isOutage(error: unknown): boolean {
  return error instanceof PenknifeError && error.code !== 'PENKNIFE_REJECTED'
}

function isInvalid(error: unknown): error is PenknifeError {
  return error instanceof PenknifeError && error.code === 'PENKNIFE_INVALID'
}
