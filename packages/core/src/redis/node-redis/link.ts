import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'

import { isPromiseLike } from '../../callbacks.ts'
import { backoff } from '../backoff.ts'
import { argsOf, type CommandArg } from '../command-args.ts'
import {
  type Link,
  type LineEvents,
  NotSent,
  type ConnectionPurpose,
  type Receiver,
  ReplyError,
  silenceMs,
} from '../driver.ts'
import type { Roster } from '../roster.ts'
import type { Arg } from '../script.ts'
import { type Client, CONNECT_MS, destroy } from './client.ts'
import { isOurs, isReply, toFailure, toReply } from './errors.ts'
import { watchMoves } from './moves.ts'
import { watchSilence } from './silence.ts'
import { endSocket, socketOf } from './socket.ts'

/** How long penknife waits for the server to close its end. */
const END_MS = 2000
/** Wait before a server that is loading its data is tried again. */
const LOADING_MS = 250

/** Creates an unconnected client for one attempt to connect. The signal aborts when the attempt is cancelled. */
export type MakeClient = (signal: AbortSignal) => Client | Promise<Client>

/** A connection to one server. Each attempt to connect has a new client of node-redis, so that no state remains. */
export function openLink(make: MakeClient, purpose: ConnectionPurpose, roster: Pick<Roster, 'add'>): Link {
  const events = new EventEmitter().setMaxListeners(0)
  let state: 'connecting' | 'ready' | 'waiting to connect' | 'closed' = 'connecting'
  /** Aborts when the present attempt, or its connection, is cancelled. */
  let present = new AbortController()
  let client: Client | undefined
  let socket: Socket | undefined
  let lastError: Error | undefined
  let attempts = 0
  let retrying: NodeJS.Timeout | undefined
  /** The number of expected replies, and of received ones. */
  let due = 0
  let settled = 0
  /** Channels that are being left. */
  const leaving = new Map<string, number>()
  /** Whether the server accepted the present connection, and its error when it refused one. */
  let reached = false
  let said: string | undefined

  function connect(): void {
    state = 'connecting'
    reached = false
    const mine = (present = new AbortController())
    const failed = (error: unknown): void => lost(mine, error as Error)
    try {
      const made = make(mine.signal)
      if (isPromiseLike(made)) made.then((each) => begin(mine, each), failed)
      else begin(mine, made)
    } catch (error) {
      failed(error)
    }
  }

  function begin(mine: AbortController, made: Client): void {
    if (mine.signal.aborted) return
    client = made
    made.on('connect', () => (reached = true))
    made.on('error', (error: Error) => lost(mine, error))
    if (purpose === 'subscriber') {
      made.on('sharded-channel-moved', () => events.emit('moved'))
      watchMoves(
        made,
        (channel) => due === 0 || leaving.has(channel),
        () => lost(mine, new Error('a slot moved away, and with it channels that were followed')),
      )
    }
    const late = setTimeout(() => {
      lost(mine, new Error(`the server did not complete the connection within ${CONNECT_MS} ms`))
    }, CONNECT_MS)
    socket = socketOf(() => {
      made
        .connect()
        .then(
          () => {
            made.sendCommand(['CLIENT', 'SETNAME', `penknife-${purpose}`]).catch(() => {})
            return whenLoaded(mine, made)
          },
          (error: Error) => lost(mine, error),
        )
        .finally(() => clearTimeout(late))
        .catch(() => {})
    })
  }

  /** A server that is loading its data refuses every command. */
  async function whenLoaded(mine: AbortController, made: Client): Promise<void> {
    const error = await new Promise<unknown>((resolve) => {
      sent(made.sendCommand(['PING']), { received: () => resolve(undefined), failed: resolve })
    })
    if (mine.signal.aborted) return
    if (error !== undefined && !(error instanceof ReplyError)) lost(mine, error as Error)
    else if (error?.code === 'LOADING') retrying = setTimeout(() => void whenLoaded(mine, made), LOADING_MS)
    else {
      state = 'ready'
      attempts = 0
      lastError = said = undefined
      entry.connected()
      events.emit('ready')
    }
  }

  /** Connects again. Without a cause: penknife closed the connection. */
  function lost(which: AbortController, cause: Error | undefined): void {
    if (which.signal.aborted) return
    const served = state === 'ready'
    const left = client
    client = socket = undefined
    lastError = cause
    state = 'waiting to connect'
    which.abort()
    if (left) destroy(left)
    clearTimeout(retrying)
    retrying = setTimeout(connect, backoff(++attempts))
    if (!served && cause) {
      if (isReply(cause)) said = cause.message
      const hint = reached ? ' (the server closed it at once: is maxclients reached?)' : ''
      entry.failed(said ?? `${cause.message}${hint}`)
    }
    events.emit('closed', cause)
  }

  function sent(promise: Promise<unknown>, receiver: Receiver<unknown>): void {
    due += 1
    promise.then(
      (reply) => {
        due -= 1
        settled += 1
        receiver.received(toReply(reply))
      },
      (error: unknown) => {
        due -= 1
        settled += 1
        receiver.failed(isOurs(error) ? (lastError ?? error) : toFailure(error))
      },
    )
  }

  /** Whether a command would be written now. node-redis notices a closed connection a little later than its socket. */
  function isReady(): boolean {
    return state === 'ready' && (socket?.writable ?? true)
  }

  /** Sends with a connected client. */
  function ask(of: (used: Client) => Promise<unknown>): Promise<unknown> {
    return new Promise((received, failed) => {
      if (isReady() && client) sent(of(client), { received, failed })
      else failed(notSent())
    })
  }

  // One listener for all channels: node-redis subscribes again to a channel that is being left only with the same
  // listener.
  const onMessage = (text: string, channel: string): void => void events.emit('message', channel, text)

  const stopWatching = watchSilence(
    () => (due === 0 ? undefined : { bytes: socket?.bytesRead ?? settled, settled }),
    silenceMs(purpose),
    (error) => lost(present, error),
  )

  const link: Link = {
    get ready() {
      return isReady()
    },
    get status() {
      return state
    },
    get lastError() {
      return lastError
    },
    send(command, args, receiver) {
      if (isReady() && client) sent(client.sendCommand(wordsOf(command, args)), receiver)
      else receiver.failed(notSent())
    },
    // node-redis writes all commands of a tick at once, at its end.
    cork() {},
    uncork() {},
    call: (command, ...args) => ask((used) => used.sendCommand(wordsOf(command, args))),
    ssubscribe: (channel) => ask((used) => used.sSubscribe(channel, onMessage)),
    async sunsubscribe(channel) {
      leaving.set(channel, (leaving.get(channel) ?? 0) + 1)
      try {
        return await ask((used) => used.sUnsubscribe(channel, onMessage))
      } finally {
        const others = (leaving.get(channel) ?? 1) - 1
        if (others > 0) leaving.set(channel, others)
        else leaving.delete(channel)
      }
    },
    on<Event extends keyof LineEvents>(event: Event, listener: (...of: LineEvents[Event]) => void) {
      const handler = listener as (...of: unknown[]) => void
      events.on(event, handler)
      return () => void events.off(event, handler)
    },
    reconnect: () => lost(present, undefined),
    async close() {
      if (state === 'closed') return
      state = 'closed'
      clearTimeout(retrying)
      stopWatching()
      entry.closed()
      present.abort()
      if (socket) await endSocket(socket, END_MS)
      if (client) destroy(client)
      events.emit('closed', undefined)
    },
  }
  const entry = roster.add(link, purpose)
  connect()
  return link
}

function notSent(): NotSent {
  return new NotSent('the connection is not ready')
}

function wordsOf(command: string, args: readonly CommandArg[]): (string | Buffer)[] {
  const words: (string | Buffer)[] = [command]
  for (const arg of argsOf(args)) words.push(textOf(arg))
  return words
}

function textOf(arg: Arg): string | Buffer {
  return typeof arg === 'number' ? String(arg) : arg
}
