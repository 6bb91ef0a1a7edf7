import type { Arg } from './script.ts'
import type { Sent } from './sent.ts'

/**
 * What penknife needs from a Redis client library. A folder beside this file implements it for one library (`ioredis/`, `node-redis/`);
 * nothing else imports a library or knows its error texts.
 *
 * A driver sends each command once: it queues nothing, repeats nothing and follows no redirection. It reconnects by itself,
 * without limit, and closes a socket that stays silent for `silenceMs` while replies are due.
 */
export type Driver = ServerDriver | ClusterDriver

/** For one server, or the master that Sentinel names. */
export interface ServerDriver extends Settings {
  readonly cluster: false
  /** The server's name in errors and events: `host:port`, a path, or Sentinel's name of the master. */
  readonly server: string
  open(purpose: ConnectionPurpose): Link
}

export interface ClusterDriver extends Settings {
  readonly cluster: true
  open(): Topology
}

interface Settings {
  readonly keyPrefix: string
  readonly db: number
}

/** What a connection is for. Part of its name in CLIENT LIST. */
export type ConnectionPurpose = 'commands' | 'durable' | 'subscriber' | 'reader'

/** What a connection to one server and a cluster have in common. */
export interface Line {
  /** Whether a command is sent at once. */
  readonly ready: boolean
  /** The client library's name of the state, for messages. */
  readonly status: string
  /** The last error; undefined when it is ready. */
  readonly lastError: Error | undefined
  /** Only of a topology: its connections for calls to masters. */
  count?(): { readonly open: number; readonly ready: number }
  /** Sends any command, with replies in the shapes of RESP2; on a cluster to any master. Rejects as `Receiver.failed`. */
  call(command: string, ...args: readonly Arg[]): Promise<unknown>
  /** Adds a listener. Returns a function that removes it. */
  on<Event extends keyof LineEvents>(event: Event, listener: (...of: LineEvents[Event]) => void): () => void
  /** Disconnects and connects again, because the server is no longer a master. */
  lookAgain(): void
  /** Resolves when the server has closed its end too. Never rejects. */
  close(): Promise<void>
}

export interface LineEvents {
  ready: []
  /** The connection broke, or an attempt to connect failed. */
  closed: [cause: Error | undefined]
  /** Only of a link: a message on a channel that it follows. */
  message: [channel: string, text: string]
  /** Only of a link: the server no longer owns the slot of a followed channel. May be emitted once for each channel. */
  moved: []
  /** Only of a topology: a node was found, was connected, or is gone. */
  changed: []
}

/** A connection to one server. */
export interface Link extends Line {
  /** Sends a command, in order. Strings in the reply are text. Calls the receiver once, possibly before it returns. */
  send(command: string, args: readonly Sent[], receiver: Receiver<unknown>): void
  /** Buffers commands until `uncork` writes them at once. For several commands of one tick. */
  cork(): void
  uncork(): void
  /**
   * Resolves when the server has acknowledged it. After the connection broke, nothing is followed again by itself. A connection
   * that follows channels gets no other command than PING.
   */
  ssubscribe(channel: string): Promise<unknown>
  sunsubscribe(channel: string): Promise<unknown>
}

/** A cluster: which master has which slot, and connections to the masters. A node is called `host:port`. */
export interface Topology extends Line {
  /** The master that owns a slot, as far as is known. */
  owner(slot: number): string | undefined
  /** The connection for calls to a node of the cluster. Connects it if necessary. Undefined for an unknown node. */
  link(node: string): Link | undefined
  /** Opens a connection to a node, known or not; undefined while no node is known at all. */
  open(node: string, purpose: ConnectionPurpose): Link | undefined
  /** The node that a redirection names. */
  nodeOf(address: string): string
  /** Records a redirection: the node owns the slot. */
  learn(slot: number, node: string): void
  /** Reads from the cluster which master owns which slot, one read at a time. Calls `done` after success and after failure. */
  refresh(done?: () => void): void
}

/** Gets the outcome of a command or a call, once. */
export interface Receiver<Reply> {
  /** Called with the reply. An error in a list is a ReplyError. */
  received(reply: Reply): void
  /** Called with a ReplyError, a NotSent, or another error: then the fate of the command is unknown. */
  failed(error: unknown): void
}

/** Redis answered with an error. `cause` is the error as the client library gives it. */
export class ReplyError extends Error {
  /** The first word of the message, such as MOVED. */
  readonly code: string | undefined

  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ReplyError'
    this.code = /^[A-Z]+/.exec(message)?.[0]
  }
}

/** The command was not sent, because there was no connection. */
export class NotSent extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'NotSent'
  }
}

/** The longest blocking read or WAIT. */
export const BLOCK_MS = 5000

/** How long a server may be silent while replies are due. */
export function silenceMs(purpose: ConnectionPurpose): number {
  return purpose === 'reader' || purpose === 'durable' ? BLOCK_MS + 5000 : 5000
}

/** Resolves when a connection is ready; rejects when an attempt to connect fails, and with the reason of the signal. */
export function whenReady(line: Pick<Line, 'on'>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    function end(): void {
      signal.removeEventListener('abort', aborted)
      offReady()
      offClosed()
    }
    function aborted(): void {
      end()
      reject(signal.reason as Error)
    }
    const offReady = line.on('ready', () => {
      end()
      resolve()
    })
    const offClosed = line.on('closed', (cause) => {
      // Without a cause it was closed for another connection.
      if (!cause) return
      end()
      reject(cause)
    })
    if (signal.aborted) aborted()
    else signal.addEventListener('abort', aborted)
  })
}

/** Passes the outcome of a promise to a receiver. */
export function handOver(reply: Promise<unknown>, receiver: Receiver<unknown>): void {
  reply.then(
    (answer) => receiver.received(answer),
    (error: unknown) => receiver.failed(error),
  )
}
