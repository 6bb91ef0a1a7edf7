import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'

import { isPromiseLike } from '../../callbacks.ts'
import { backoff } from '../backoff.ts'
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
import { argsOf, type Sent } from '../sent.ts'
import { type Client, CONNECT_MS, destroy } from './client.ts'
import { isOurs, isReply, toFailure, toReply } from './errors.ts'
import { watchMoves } from './moves.ts'
import { watchSilence } from './silence.ts'
import { endSocket, socketOf } from './socket.ts'

/** How long a server may take to close a connection that penknife ended. */
const END_MS = 2000
/** Before a server that loads its data is asked again. */
const LOADING_MS = 250

/** Makes a client for one attempt to connect; it is not connected. The signal aborts when the attempt is given up. */
export type MakeClient = (signal: AbortSignal) => Client | Promise<Client>

/** A connection to one server, with a client of node-redis for each attempt to connect: so nothing of one is left in the next. */
export function openLink(make: MakeClient, purpose: ConnectionPurpose, roster: Pick<Roster, 'add'>): Link {
  const events = new EventEmitter().setMaxListeners(0)
  let state: 'connecting' | 'ready' | 'waiting to connect' | 'closed' = 'connecting'
  /** Aborts when the present attempt, or the connection that came of it, is given up. */
  let present = new AbortController()
  let client: Client | undefined
  let socket: Socket | undefined
  let lastError: Error | undefined
  let attempts = 0
  let retrying: NodeJS.Timeout | undefined
  /** Replies that are due, and those that came. */
  let due = 0
  let settled = 0
  /** Channels that are being left. */
  const leaving = new Map<string, number>()
  /** Whether the server accepted the present connection, and what it said when it refused one. */
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

  /** A server that loads its data refuses everything. */
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

  /** Connects again; without a cause it was left. */
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

  /** Whether what is sent now is written; node-redis learns a little later than its socket that the server closed it. */
  function isReady(): boolean {
    return state === 'ready' && (socket?.writable ?? true)
  }

  /** What is sent by a client that is connected. */
  function ask(of: (used: Client) => Promise<unknown>): Promise<unknown> {
    return new Promise((received, failed) => {
      if (isReady() && client) sent(of(client), { received, failed })
      else failed(notSent())
    })
  }

  // One for all: node-redis asks the server again for a channel that is being left only if it knows who leaves it.
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
    // node-redis writes at the end of the turn, and all at once.
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
      const heard = listener as (...of: unknown[]) => void
      events.on(event, heard)
      return () => void events.off(event, heard)
    },
    lookAgain: () => lost(present, undefined),
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

function wordsOf(command: string, args: readonly Sent[]): (string | Buffer)[] {
  const words: (string | Buffer)[] = [command]
  for (const arg of argsOf(args)) words.push(textOf(arg))
  return words
}

function textOf(arg: Arg): string | Buffer {
  return typeof arg === 'number' ? String(arg) : arg
}
