import type { Arg } from './script.ts'
import type { Sent } from './sent.ts'

/**
 * What penknife needs from a Redis client library. A folder beside this file implements it for one library (`ioredis/`, `node-redis/`);
 * nothing else imports a library or knows its error texts.
 *
 * A driver sends each command once: it queues nothing, repeats nothing and follows no redirection. It connects again by
 * itself, for ever, and gives up a socket that is silent for `silenceMs` while replies are due.
 */
export type Driver = ServerDriver | ClusterDriver

/** For one server, or the master that Sentinel names. */
export interface ServerDriver extends Settings {
  readonly cluster: false
  /** What errors and events call the server: `host:port`, a path, or Sentinel's name of the master. */
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

/** Why a connection is made; becomes part of its name in CLIENT LIST. */
export type ConnectionPurpose = 'commands' | 'durable' | 'subscriber' | 'reader'

/** What one server and a cluster have in common. */
export interface Line {
  /** Whether a command is sent at once. */
  readonly ready: boolean
  /** How the client library calls the state, for messages. */
  readonly status: string
  /** What went wrong last; undefined since it is ready. */
  readonly lastError: Error | undefined
  /** Of a topology: the connections for calls to its masters. */
  count?(): { readonly open: number; readonly ready: number }
  /** Sends any command, with replies in the shapes of RESP2; on a cluster to any master. Rejects as `Receiver.failed`. */
  call(command: string, ...args: readonly Arg[]): Promise<unknown>
  /** Adds a listener; the function that comes back removes it. */
  on<Event extends keyof LineEvents>(event: Event, listener: (...of: LineEvents[Event]) => void): () => void
  /** Leaves the server and connects again: it is no master any more. */
  lookAgain(): void
  /** Resolves when the server has closed its end, too. Never rejects. */
  close(): Promise<void>
}

export interface LineEvents {
  ready: []
  /** The connection broke, or could not be made. */
  closed: [cause: Error | undefined]
  /** Of a link: what was published on a channel that is followed. */
  message: [channel: string, text: string]
  /** Of a link: the server no longer has the slot of a channel that was followed. May come once for each channel. */
  moved: []
  /** Of a topology: a node is there, or is connected, or is gone. */
  changed: []
}

/** A connection to one server. */
export interface Link extends Line {
  /** Sends a command of which strings in the reply are text. In order; the receiver is told once, maybe at once. */
  send(command: string, args: readonly Sent[], receiver: Receiver<unknown>): void
  /** What is sent from now on leaves in one write, at `uncork`. For several commands of one turn; one alone would only wait. */
  cork(): void
  uncork(): void
  /**
   * Resolves when the server acknowledged it. Nothing is followed again after the connection broke. A connection that
   * follows channels is sent nothing else but PING.
   */
  ssubscribe(channel: string): Promise<unknown>
  sunsubscribe(channel: string): Promise<unknown>
}

/** A cluster: which master has which slot, and connections to the masters. A node is called `host:port`. */
export interface Topology extends Line {
  /** The master that has a slot, as far as is known. */
  owner(slot: number): string | undefined
  /** The connection for calls to a node of the cluster, which is connected if it is not; undefined for one that is not known. */
  link(node: string): Link | undefined
  /** Opens a connection to a node, known or not; undefined while no node is known at all. */
  open(node: string, purpose: ConnectionPurpose): Link | undefined
  /** The node that a redirection names. */
  nodeOf(address: string): string
  /** A redirection said that a node has a slot. */
  learn(slot: number, node: string): void
  /** Asks the cluster which master has which slot, one question at a time; `done` is called when that ended, however. */
  refresh(done?: () => void): void
}

/** Is told once what became of a command or a call. */
export interface Receiver<Reply> {
  /** With the reply; an error in a list is an ReplyError. */
  received(reply: Reply): void
  /** With ReplyError, with NotSent, or with anything else: then the fate of the command is unknown. */
  failed(error: unknown): void
}

/** Redis answered with an error. `cause` is the error as the client library gives it. */
export class ReplyError extends Error {
  /** What the message begins with, such as MOVED. */
  readonly code: string | undefined

  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ReplyError'
    this.code = /^[A-Z]+/.exec(message)?.[0]
  }
}

/** The command was not sent: no connection was there. */
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
      // Without a cause it was left for another one.
      if (!cause) return
      end()
      reject(cause)
    })
    if (signal.aborted) aborted()
    else signal.addEventListener('abort', aborted)
  })
}

/** Tells a receiver what comes of a promise. */
export function handOver(reply: Promise<unknown>, receiver: Receiver<unknown>): void {
  reply.then(
    (answer) => receiver.received(answer),
    (error: unknown) => receiver.failed(error),
  )
}
