import {
  checkOptions,
  type Duration,
  durationMs,
  invalid,
  type AnyNotifier,
  PenknifeError,
  type Subscription,
} from '@penknife/core'

import type { Answer, Reply } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { problem } from '../problem.ts'
import { warn } from '../warn.ts'
import { createClients } from './clients.ts'
import { fitsCursor, MAX_CURSOR, readCursor } from './cursor.ts'
import { ClientFeed } from './feed.ts'
import { retryFrame } from './frames.ts'

export interface NotificationsOptions {
  /** The channels a client follows: the same for all, or found for each request (a name it may not have is 400). */
  readonly channels:
    | readonly string[]
    | ((exchange: Exchange) => readonly string[] | Promise<readonly string[]>)
  /** Whether this client may follow these channels; no is answered with 403. Default: everyone may. */
  readonly authorize?: (exchange: Exchange, channels: readonly string[]) => boolean | Promise<boolean>
  /** How long a client waits before it reconnects, give or take half of it at random. Default: 2 s. */
  readonly retry?: Duration
  /** A comment goes to quiet clients this often, so that proxies keep the connection. Default: 15 s. */
  readonly heartbeat?: Duration
  /** A client that takes nothing of what waits for it for this long is cut off. Default: 30 s. */
  readonly stall?: Duration
}

const OPTIONS = ['channels', 'authorize', 'retry', 'heartbeat', 'stall'] as const

/** Compressors and proxies hold events back unless they are told not to. */
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
} as const

/**
 * Server-sent events of a notifier's channels, for a browser's own EventSource.
 *
 * Each event has the message's type as `event` and `{"channel":…,"data":…}` as `data`. A client that reconnects
 * sees every event after its last one once, in order: the `id` of each event carries the position in all its
 * channels (given back as `Last-Event-ID`, or by other clients as `?lastEventId=`). Where that is not possible,
 * because the history is gone or the id is not one of ours, a `reset` event with `{"channel":…}` says: load the
 * state of this channel afresh. So message types 'reset', 'open' and 'error' are better avoided.
 *
 * A client that does not take its events costs no memory beyond 64 KiB and one event: it gets the rest out of the
 * history when it takes them, and is cut off when it takes nothing for `stall`. `close()`
 * sends every client away with a time to come back; later ones are sent away as well, because a browser
 * takes everything but a 200 as the end for good. One subscription for each client.
 */
export const notificationsPlugin: Plugin<[notifier: AnyNotifier, options: NotificationsOptions]> =
  definePlugin({
    name: 'notifications',
    setup(notifier, options) {
      check(notifier, options)
      const { channels, authorize } = options
      const retry = durationMs('notifications retry', options.retry ?? '2s', { max: 3_600_000 })
      const heartbeatMs = durationMs('notifications heartbeat', options.heartbeat ?? '15s', {
        max: 3_600_000,
      })
      const stallMs = durationMs('notifications stall', options.stall ?? '30s', { max: 3_600_000 })
      const retryMs = (): number => retry * (0.5 + Math.random())
      const clients = createClients({ heartbeatMs, retryMs })
      let closed = false
      let warned = false

      const comeBack = (): Reply => ({ status: 200, headers: HEADERS, body: retryFrame(retryMs()) })

      async function follow(exchange: Exchange, list: readonly string[]): Promise<Answer> {
        const given = lastEventId(exchange)
        const from = readCursor(given, list)
        const lost = given === '' ? [] : list.filter((channel) => !from.has(channel))
        const feed = new ClientFeed({ channels: list, from, lost, stallMs })
        const subscription = await notifier.subscribe(list, {
          from: toRecord(from),
          onEvent: (event, following) => feed.onEvent(event, following),
        })
        if (closed) return leave(subscription)
        return {
          status: 200,
          headers: HEADERS,
          endless: true,
          stream(writer) {
            writer.onClose(() => subscription.close())
            if (writer.closed) return
            writer.write(retryFrame(retryMs()))
            feed.start(writer, subscription)
            clients.add(writer)
          },
        }
      }

      function leave(subscription: Subscription): Reply {
        subscription.close()
        return comeBack()
      }

      const handler: Handler = async (exchange) => {
        if (exchange.method === 'HEAD') return { status: 200, headers: HEADERS, body: '' }
        if (exchange.method !== 'GET') return problem(405, { headers: { Allow: 'GET, HEAD' } })
        if (closed) return comeBack()
        const list = [...new Set(typeof channels === 'function' ? await channels(exchange) : channels)]
        if (list.length === 0) return problem(400, { detail: 'There is no channel to follow.' })
        if (!fitsCursor(list)) {
          return problem(400, {
            detail: `The channels' names do not fit in a cursor of ${MAX_CURSOR} characters.`,
          })
        }
        if (authorize && !(await authorize(exchange, list))) return problem(403)
        try {
          return await follow(exchange, list)
        } catch (error) {
          if (!isInvalid(error)) {
            if (!warned && !isOutage(error))
              warn('PENKNIFE_NOTIFICATIONS', 'clients cannot follow their channels', error)
            warned = true
            return comeBack()
          }
          if (typeof channels === 'function') return problem(400, { detail: error.message })
          throw error
        }
      }
      handler.close = () => {
        closed = true
        return clients.close()
      }
      return handler
    },
  })

/** A browser repeats the address it began with, so the header is the newer one. */
function lastEventId(exchange: Exchange): string {
  return exchange.header('last-event-id') ?? exchange.query.get('lastEventId') ?? ''
}

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

function check(notifier: AnyNotifier, options: NotificationsOptions): void {
  if (typeof notifier?.subscribe !== 'function') {
    throw invalid('notifications notifier', notifier, 'give a notifier made by createNotifier')
  }
  checkOptions('notifications', options, OPTIONS)
  const { channels, authorize } = options
  if (typeof channels !== 'function' && !(Array.isArray(channels) && channels.length > 0)) {
    throw invalid('notifications channels', channels, 'give a list of at least one channel, or a function')
  }
  if (typeof channels !== 'function' && !fitsCursor(channels)) {
    throw invalid(
      'notifications channels',
      channels,
      `give fewer or shorter names (${MAX_CURSOR} characters in all)`,
    )
  }
  if (authorize !== undefined && typeof authorize !== 'function') {
    throw invalid('notifications authorize', authorize, 'give a function of the exchange and its channels')
  }
}
