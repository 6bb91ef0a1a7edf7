import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import type { AnyNotifier, CloseOptions, NotifierMessage } from '@penknife/core'
import { atMost, closeDeadlineMs } from '@penknife/core/internal'
import type { WebSocket } from 'ws'

import { PASS, type Reply } from '../../answer.ts'
import type { Exchange } from '../../exchange/exchange.ts'
import type { NodeContext } from '../../node.ts'
import { problem } from '../../problem.ts'
import { SocketClient } from '../../sockets/client.ts'
import { SUBPROTOCOL } from '../../sockets/frames.ts'
import { isAllowedOrigin } from '../../sockets/origin.ts'
import { createSocketServer } from '../../sockets/server.ts'
import type { UpgradingServer } from '../../sockets/upgrading-server.ts'
import { checkUpgrade, type UpgradeRequest } from '../../sockets/upgrade.ts'
import { SocketWriter } from '../../sockets/writer.ts'
import { reportOnce } from '../../warn.ts'
import { allowedBy, typesOf, userOf } from '../answers.ts'
import { checkClients } from '../clients/clients.ts'
import { checkTypes, timesOf } from '../options.ts'
import { beginningsOf } from '../state.ts'
import type { Connection } from '../session/connection.ts'
import { isInvalid, isOutage } from '../session/faults.ts'
import { createSessions } from '../session/sessions.ts'
import { withViews } from '../views/with-views.ts'
import { notificationProtocol } from './client.ts'
import { checkSockets, type NotificationSocketsOptions } from './options.ts'
import { createWebSockets } from './transport.ts'

/** Serves the channels of a notifier over WebSockets. */
export interface NotificationSockets {
  /**
   * Serves the upgrade requests of a server to the option `path`. Requests to other paths are left to the server's other
   * 'upgrade' listeners; without any they are answered with 404. A request that asks for another protocol, such as h2c, is
   * served as a usual one. Returns a function that stops it.
   *
   * @throws PENKNIFE_INVALID when another middleware serves the path on this server
   */
  attach(server: UpgradingServer): () => void
  /** Serves one upgrade request, whatever its path. Never rejects: failures are answered and reported. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
  /**
   * Asks every client to reconnect: call it when the server shuts down. Resolves when their connections have ended, and after
   * `deadline` in any case (default: 10 s). It ends what `attach` began, so others can be attached at once; `upgrade` answers 503.
   * penknife.close() asks the clients too, and later ones get 503.
   */
  close(options?: CloseOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const CLOSE_MS = 10_000

/**
 * Serves the channels of a notifier over WebSockets, in the subprotocol penknife.v1 (docs/protocol.md), for @penknife/client
 * and others. A client follows many channels on one socket, and joins and leaves them while it is connected. It cannot
 * publish: that is a request to a route of yours. Needs the package `ws`.
 *
 *     const sockets = notificationSockets(notifier, { authorize: (exchange, channels) => mayFollow(exchange, channels) })
 *     sockets.attach(server)      // of node:http: createServer(app) of Express, createServer(app.callback()) of Koa
 *
 * Resuming, resets, revocations, connections of a user, slow clients and shutdown are those of `notifications`.
 */
export function notificationSockets(
  notifier: AnyNotifier,
  options: NotificationSocketsOptions,
): NotificationSockets {
  checkSockets(notifier, options)
  const { channels, authorize, renew, user, perUser, mostChannels = 100, path = '/live', origins } = options
  const { types } = options
  const clients = checkClients('notificationSockets', options.clients)
  const sockets = createWebSockets()
  const sessions = createSessions({
    ...withViews(notifier, options.views),
    perUser,
    presence: options.presence,
    ...timesOf(options),
    ...beginningsOf('notificationSockets', options),
    report: reportOnce('PENKNIFE_NOTIFICATIONS', 'notificationSockets: clients cannot follow their channels'),
  })
  const reportCallback = reportOnce(
    'PENKNIFE_CALLBACK',
    'notificationSockets denies clients for which a callback failed',
  )
  const protocol = notificationProtocol<Exchange<NodeContext>>({
    perUser,
    report: reportCallback,
    async allowed(exchange, named) {
      const known = channels ? named.filter((channel) => channels.includes(channel)) : named
      if (!authorize || known.length === 0) return known
      return allowedBy(await authorize(exchange, known), known, reportCallback)
    },
    renew: renew && (async (exchange, token) => isTrue(await renew(exchange, token))),
  })

  function unavailable(): Reply {
    return problem(503, { headers: { 'Retry-After': 1 } })
  }

  /** Decides about a request. Returns the reply to a client that is refused. */
  async function admit(
    asked: UpgradeRequest,
    connection: Connection,
  ): Promise<Reply | 'answered' | undefined> {
    const { exchange, response } = asked
    const answer = checkUpgrade(exchange, SUBPROTOCOL)
    if (answer !== PASS) return answer
    if (sessions.farewell) return unavailable()
    if (!isAllowedOrigin(exchange, origins)) {
      return problem(403, { detail: 'Pages of this origin may not connect.' })
    }
    if (options.before && !(await options.before(exchange.request, response))) return 'answered'
    const name = userOf(await user?.(exchange))
    const wanted = typesOf(typeof types === 'function' ? await types(exchange) : types)
    try {
      // Before authorize is called, so that no revocation is missed after it.
      if (name !== undefined) await connection.admit(name)
      if (authorize && !mayConnect(await authorize(exchange, []))) return problem(403)
      // It must not push out another connection of the user.
      if (asked.left) return unavailable()
      if (perUser !== undefined) await connection.limit(perUser)
      checkTypes('notificationSockets', wanted)
      connection.types = wanted
    } catch (error) {
      if (isInvalid(error)) return problem(400, { detail: error.message })
      if (isOutage(error)) return unavailable()
      throw error
    }
    // It was closed, or lost its rights, while they were looked up.
    return (sessions.farewell ?? connection.farewell) ? unavailable() : undefined
  }

  function begin(
    webSocket: WebSocket,
    socket: Socket,
    { exchange }: UpgradeRequest,
    connection: Connection,
  ): void {
    const writer = new SocketWriter(webSocket, socket, sockets.flushes, () => connection.close())
    new SocketClient(protocol, { request: exchange, writer, connection }, webSocket, writer).listen()
    connection.begin(sockets.transport(writer))
    if (!clients || writer.closed) return
    const served = {
      transport: 'websocket',
      user: connection.user,
      channels: () => connection.channels,
      nudge: (message: NotifierMessage) => connection.nudge(message),
      reconnect: () => void connection.end('reconnect'),
    } as const
    writer.onClose(clients.add(served, exchange))
  }

  const { upgrade, attach, detach } = createSocketServer(
    { name: 'notificationSockets', path, sample: path, serves: (asked) => asked === path },
    () => {
      const connection = sessions.connection(sockets, mostChannels)
      return {
        admit: (asked) => admit(asked, connection),
        begin: (webSocket, socket, asked) => begin(webSocket, socket, asked, connection),
        drop: () => connection.close(),
      }
    },
  )

  function close(closing: CloseOptions = {}): Promise<void> {
    const ms = closeDeadlineMs(closing, CLOSE_MS)
    detach()
    return atMost(ms, sessions.close(ms))
  }

  return {
    upgrade,
    attach,
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

/** Whether the result of `authorize` for no channels allows the connection. */
function mayConnect(answer: unknown): boolean {
  return answer === true || Array.isArray(answer)
}

/** Anything but `true` is a refusal. */
function isTrue(answer: unknown): boolean {
  return answer === true
}
