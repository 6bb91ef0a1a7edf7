import { replyFrame, type SocketProtocol } from '../../sockets/client.ts'
import type { SocketWriter } from '../../sockets/writer.ts'
import type { Authorize, Connection } from '../session/connection.ts'
import { contentOf, type ReplyContent } from './frames.ts'
import { type ClientFrame, readFrame } from './requests.ts'

/** The settings of all clients of one middleware. */
export interface ClientSettings<Request> {
  /** Returns those of the channels that the client may follow. */
  readonly allowed: (request: Request, channels: readonly string[]) => Promise<readonly string[]>
  /** Checks a token. Undefined: clients cannot renew their rights. */
  readonly renew: ((request: Request, token: string) => Promise<boolean>) | undefined
  readonly perUser: number | undefined
  /** Reports that a callback of the application failed. */
  readonly report: (fault: unknown) => void
}

/** What is known of one client. */
interface NotifiedPeer<Request> {
  readonly request: Request
  readonly writer: SocketWriter
  readonly connection: Connection
}

/** Answers the frames of clients that follow channels. */
export function notificationProtocol<Request>({
  allowed,
  renew,
  perUser,
  report,
}: ClientSettings<Request>): SocketProtocol<ClientFrame, NotifiedPeer<Request>> {
  type Peer = NotifiedPeer<Request>

  function reply({ writer }: Peer, n: number, content: ReplyContent = {}): void {
    writer.write(replyFrame(n, contentOf(content)))
  }

  function authorizeOf({ request }: Peer): Authorize {
    return (channels) => allowed(request, channels)
  }

  async function subscribe(
    peer: Peer,
    { n, channels }: ClientFrame & { readonly kind: 'subscribe' },
  ): Promise<void> {
    const { connection } = peer
    try {
      const refused = await connection.join(channels, authorizeOf(peer))
      reply(peer, n, { refused })
      connection.open([...channels.keys()].filter((channel) => !refused.has(channel)))
    } catch (error) {
      report(error)
      reply(peer, n, { error: 'failed' })
    }
  }

  async function auth(peer: Peer, { n, token }: ClientFrame & { readonly kind: 'auth' }): Promise<void> {
    if (!renew) return reply(peer, n, { error: 'unsupported' })
    try {
      if (!(await renew(peer.request, token))) return reply(peer, n, { error: 'forbidden' })
    } catch (error) {
      report(error)
      return reply(peer, n, { error: 'failed' })
    }
    try {
      const again = await peer.connection.renew(perUser, authorizeOf(peer))
      reply(peer, n)
      peer.connection.open(again)
    } catch (error) {
      report(error)
      await peer.connection.end('reconnect')
    }
  }

  return {
    read: readFrame,
    async answer(peer, frame) {
      if (frame.kind === 'subscribe') return subscribe(peer, frame)
      if (frame.kind === 'auth') return auth(peer, frame)
      peer.connection.leave(frame.channels)
      reply(peer, frame.n)
    },
  }
}
