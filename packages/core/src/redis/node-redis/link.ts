import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'

import { backoff } from '../backoff.ts'
import {
  type Link,
  type LineEvents,
  NotSent,
  type Purpose,
  type Receiver,
  ReplyError,
  silenceMs,
} from '../driver.ts'
import type { Roster } from '../roster.ts'
import type { Arg } from '../script.ts'
import { argsOf, type Sent } from '../sent.ts'
import { type Client, settingsOf } from './client.ts'
import { isOurs, isReply, toFailure, toReply } from './errors.ts'
import { watchSilence } from './silence.ts'
import { endSocket, socketOf } from './socket.ts'

/** How long a server may take to be connected and logged in to. */
const CONNECT_MS = 5000
/** How long a server may take to close a connection that penknife ended. */
const END_MS = 2000
/** Before a server that loads its data is asked again. */
const LOADING_MS = 250

/** A connection to one server, with a client of node-redis for each attempt to connect: so nothing of one is left in the next. */
export function openLink(given: Client, purpose: Purpose, roster: Roster): Link {
  const events = new EventEmitter().setMaxListeners(0)
  let state: 'connecting' | 'ready' | 'waiting to connect' | 'closed' = 'connecting'
  let client: Client | undefined
  let socket: Socket | undefined
  let lastError: Error | undefined
  let attempts = 0
  let retrying: NodeJS.Timeout | undefined
  /** Replies that are due, and those that came. */
  let due = 0
  let settled = 0
  /** Whether the server accepted the present connection, and what it said when it refused one. */
  let reached = false
  let said: string | undefined

  function connect(): void {
    state = 'connecting'
    reached = false
    const mine = given.duplicate(settingsOf(given, CONNECT_MS))
    client = mine
    mine.on('connect', () => (reached = true))
    mine.on('error', (error: Error) => lost(mine, error))
    const late = setTimeout(() => {
      lost(mine, new Error(`the server did not complete the connection within ${CONNECT_MS} ms`))
    }, CONNECT_MS)
    socket = socketOf(() => {
      mine
        .connect()
        .then(
          () => {
            mine.sendCommand(['CLIENT', 'SETNAME', `penknife-${purpose}`]).catch(() => {})
            return whenLoaded(mine)
          },
          (error: Error) => lost(mine, error),
        )
        .finally(() => clearTimeout(late))
        .catch(() => {})
    })
  }

  /** A server that loads its data refuses everything. */
  async function whenLoaded(mine: Client): Promise<void> {
    const error = await new Promise<unknown>((resolve) => {
      sent(mine.sendCommand(['PING']), { received: () => resolve(undefined), failed: resolve })
    })
    if (client !== mine || state === 'closed') return
    if (error !== undefined && !(error instanceof ReplyError)) lost(mine, error as Error)
    else if (error?.code === 'LOADING') retrying = setTimeout(() => void whenLoaded(mine), LOADING_MS)
    else {
      state = 'ready'
      attempts = 0
      lastError = said = undefined
      entry.connected()
      events.emit('ready')
    }
  }

  /** Connects again; without a cause it was left. */
  function lost(which: Client, cause: Error | undefined): void {
    if (which !== client || state === 'closed') return
    const served = state === 'ready'
    client = socket = undefined
    lastError = cause
    state = 'waiting to connect'
    destroy(which)
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
    (error) => client && lost(client, error),
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
    call: (command, ...args) => ask((used) => used.sendCommand(wordsOf(command, args))),
    ssubscribe: (channel) => ask((used) => used.sSubscribe(channel, onMessage)),
    sunsubscribe: (channel) => ask((used) => used.sUnsubscribe(channel, onMessage)),
    on<Event extends keyof LineEvents>(event: Event, listener: (...of: LineEvents[Event]) => void) {
      const heard = listener as (...of: unknown[]) => void
      events.on(event, heard)
      return () => void events.off(event, heard)
    },
    lookAgain: () => client && lost(client, undefined),
    async close() {
      if (state === 'closed') return
      state = 'closed'
      clearTimeout(retrying)
      stopWatching()
      entry.closed()
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

function destroy(client: Client): void {
  try {
    client.destroy()
  } catch {
    // It was closed already.
  }
}

function wordsOf(command: string, args: readonly Sent[]): (string | Buffer)[] {
  const words: (string | Buffer)[] = [command]
  for (const arg of argsOf(args)) words.push(textOf(arg))
  return words
}

function textOf(arg: Arg): string | Buffer {
  return typeof arg === 'number' ? String(arg) : arg
}
