import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'

import { backoff } from '../backoff.ts'
import { type Link, type LineEvents, NotSent, type Purpose, type Receiver, silenceMs } from '../driver.ts'
import type { Roster } from '../roster.ts'
import type { Arg } from '../script.ts'
import { argsOf, type Sent } from '../sent.ts'
import { type Client, settingsOf } from './client.ts'
import { isReply, toFailure, toReply } from './errors.ts'
import { endSocket, socketOf } from './socket.ts'

/** How long a server may take to be connected and logged in to. */
const CONNECT_MS = 5000
/** How long a server may take to close a connection that penknife ended. */
const END_MS = 2000
/** How often a socket is looked at whether it is silent. */
const LOOK_EVERY_MS = 500
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
    let loading = false
    await mine.sendCommand(['PING']).catch((error: Error) => {
      loading = isReply(error) && error.message.startsWith('LOADING')
      if (!isReply(error)) lost(mine, error)
    })
    if (client !== mine) return
    if (loading) retrying = setTimeout(() => void whenLoaded(mine), LOADING_MS)
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
        receiver.failed(toFailure(error))
      },
    )
  }

  /** What is sent by a client that is connected. */
  function ask(of: (used: Client) => Promise<unknown>): Promise<unknown> {
    return new Promise((received, failed) => {
      if (state === 'ready' && client) sent(of(client), { received, failed })
      else failed(notSent())
    })
  }

  const stopWatching = watch(
    () => (due === 0 ? undefined : (socket?.bytesRead ?? settled)),
    silenceMs(purpose),
    (error) => client && lost(client, error),
  )

  const link: Link = {
    get ready() {
      return state === 'ready'
    },
    get status() {
      return state
    },
    get lastError() {
      return lastError
    },
    send(command, args, receiver) {
      if (state === 'ready' && client) sent(client.sendCommand(wordsOf(command, args)), receiver)
      else receiver.failed(notSent())
    },
    call: (command, ...args) => ask((used) => used.sendCommand(wordsOf(command, args))),
    ssubscribe: (name) =>
      ask((used) => used.sSubscribe(name, (text, channel) => events.emit('message', channel, text))),
    sunsubscribe: (name) => ask((used) => used.sUnsubscribe(name)),
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

/** Calls `silent` when what was heard while replies are due did not change for so long. The function that comes back ends it. */
function watch(heard: () => number | undefined, ms: number, silent: (error: Error) => void): () => void {
  let last: number | undefined
  let since = 0
  const timer = setInterval(() => {
    // After a stall of this process what was waited for may have come already: that is read before the immediates.
    setImmediate(() => {
      const now = performance.now()
      const present = heard()
      if (present === undefined || present !== last) since = now
      else if (now - since >= ms) {
        silent(new Error(`the server said nothing for ${ms} ms while replies were due`))
      }
      last = present
    })
  }, LOOK_EVERY_MS).unref()
  return () => clearInterval(timer)
}
