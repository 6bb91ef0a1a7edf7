import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import type { CloseOptions, StreamEntryState } from '@penknife/core'
import { atMost, closeDeadlineMs } from '@penknife/core/internal'
import type { WebSocket } from 'ws'

import { PASS, type Reply } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { createFlushes } from '../flushes.ts'
import type { NodeContext } from '../node.ts'
import { problem } from '../problem.ts'
import { replyFrame, SocketClient, type SocketProtocol } from '../sockets/client.ts'
import { framesOf, SUBPROTOCOL } from '../sockets/frames.ts'
import { isAllowedOrigin } from '../sockets/origin.ts'
import { createSocketServer } from '../sockets/server.ts'
import type { UpgradingServer } from '../sockets/upgrading-server.ts'
import { checkUpgrade, type UpgradeRequest } from '../sockets/upgrade.ts'
import { SocketWriter } from '../sockets/writer.ts'
import { reportOnce } from '../warn.ts'
import { createAccess } from './access.ts'
import { createFollowers, type Place, placeOf } from './follow.ts'
import type { AcceptStream } from './options.ts'
import { replyTo, TOO_MANY_STREAMS, UNKNOWN } from './replies.ts'
import { type AcceptFrame, readAcceptFrame, SocketFollower } from './socket-frames.ts'
import { type AcceptSocketsOptions, checkAcceptSockets } from './socket-options.ts'

/** Serves the entries of `accept` over WebSockets. */
export interface AcceptSockets {
  /**
   * Serves the upgrade requests of a server to `<path>/<id>`. Requests to other paths are left to the server's other 'upgrade'
   * listeners; without any they are answered with 404. A request that asks for another protocol, such as h2c, is
   * served as a usual one. Returns a function that stops it.
   *
   * @throws PENKNIFE_INVALID when another middleware serves the path on this server
   */
  attach(server: UpgradingServer): () => void
  /** Serves one upgrade request. Never rejects: failures are answered and reported. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
  /**
   * Asks every client to reconnect: call it when the server shuts down. Resolves when their connections have ended, and after
   * `deadline` in any case (default: 10 s). It ends what `attach` began, so others can be attached at once; `upgrade` answers 503.
   */
  close(options?: CloseOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A client that follows an entry. */
interface Peer {
  readonly exchange: Exchange<NodeContext>
  readonly id: string
  readonly writer: SocketWriter
}

const CLOSE_MS = 10_000

/**
 * Serves what `accept` serves as an event stream over WebSockets too, in the subprotocol penknife.v1 (docs/protocol.md), at the same
 * addresses: `state`, `progress`, `output`, `restart` and `end`, after the cursor in `?lastEventId=`. A client cancels with a frame.
 * Needs the package `ws`. Cost: that of an event stream.
 *
 *     const jobs = { path: '/reports', secret }
 *     app.use(accept(reports, { ...jobs, payload }))
 *     acceptSockets(reports, jobs).attach(server)
 *
 * @throws PENKNIFE_INVALID for wrong options
 */
export function acceptSockets(stream: AcceptStream, options: AcceptSocketsOptions): AcceptSockets {
  const settings = checkAcceptSockets(stream, options)
  const { path, cancel } = settings
  const { entryFor } = createAccess('acceptSockets', stream.name, settings)
  const followers = createFollowers(stream, settings)
  const flushes = createFlushes(framesOf)
  const report = reportOnce('PENKNIFE_CALLBACK', 'acceptSockets: a frame of a client cannot be answered')

  /** The last part of an address below `path`. */
  function idOf(address: string): string | undefined {
    const id = address.startsWith(`${path}/`) ? address.slice(path.length + 1) : ''
    return id === '' || id.includes('/') ? undefined : id
  }

  /** What a client of the entry may not do, or does too late; else the state `cancelled`. */
  async function cancelled({ exchange, id }: Peer): Promise<object> {
    if (!cancel) return { error: 'unsupported' }
    try {
      const entry = await entryFor(exchange, id, 'cancel')
      if (typeof entry !== 'string') return { error: 'forbidden' }
      const { changed, state } = await stream.cancel(entry)
      return changed || state === 'cancelled' ? { state: 'cancelled' } : { error: 'too late', state }
    } catch (error) {
      if (isUnavailable(error)) return { error: 'unavailable' }
      report(error)
      return { error: 'failed' }
    }
  }

  const protocol: SocketProtocol<AcceptFrame, Peer> = {
    read: readAcceptFrame,
    async answer(peer, { n }) {
      peer.writer.write(replyFrame(n, await cancelled(peer)))
    },
  }

  async function admit({ exchange, response }: UpgradeRequest): Promise<Reply | 'answered' | Admitted> {
    const id = idOf(exchange.path)
    if (id === undefined) return UNKNOWN
    const answer = checkUpgrade(exchange, SUBPROTOCOL)
    if (answer !== PASS) return answer
    if (!isAllowedOrigin(exchange, options.origins)) {
      return problem(403, { detail: 'Pages of this origin may not connect.' })
    }
    if (options.before && !(await options.before(exchange.request, response))) return 'answered'
    try {
      const entry = await entryFor(exchange, id, 'read')
      if (typeof entry !== 'string') return entry
      if (followers.full) return TOO_MANY_STREAMS
      const found = await stream.find(entry)
      return found.state === 'gone' ? UNKNOWN : { id, found, place: placeOf(exchange) }
    } catch (error) {
      return replyTo(error)
    }
  }

  function begin(
    webSocket: WebSocket,
    socket: Socket,
    { exchange }: UpgradeRequest,
    { id, found, place }: Admitted,
  ): void {
    const writer = new SocketWriter(webSocket, socket, flushes, ignore)
    new SocketClient(protocol, { exchange, id, writer }, webSocket, writer).listen()
    followers.follow(new SocketFollower(writer), found, place)
  }

  const { attach, upgrade, detach } = createSocketServer(
    { name: 'acceptSockets', path, sample: `${path}/0-0`, serves: (asked) => idOf(asked) !== undefined },
    () => {
      let admitted: Admitted | undefined
      return {
        async admit(asked) {
          const result = await admit(asked)
          if (result === 'answered' || 'status' in result) return result
          admitted = result
          return undefined
        },
        begin: (webSocket, socket, asked) => begin(webSocket, socket, asked, admitted as Admitted),
        drop: ignore,
      }
    },
  )

  function close(closing: CloseOptions = {}): Promise<void> {
    const ms = closeDeadlineMs(closing, CLOSE_MS)
    detach()
    return atMost(ms, followers.close(ms))
  }

  return { attach, upgrade, close, [Symbol.asyncDispose]: () => close() }
}

/** What is known of a client that may follow an entry. */
interface Admitted {
  readonly id: string
  readonly found: StreamEntryState
  readonly place: Place
}

/** Whether Redis is away, as for a request. */
function isUnavailable(error: unknown): boolean {
  try {
    return replyTo(error).status === 503
  } catch {
    return false
  }
}

function ignore(): void {}
