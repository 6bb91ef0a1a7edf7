import { run } from './channel.ts'
import { delayMs } from './delays.ts'
import type { Cancelled, EntryState, Following, FollowOptions } from './follow-types.ts'
import type { LinkEnd } from './frames.ts'
import { openSocket, type Socket, socketAddress } from './socket.ts'
import type { LiveAddress } from './types.ts'
import { isOffline, onWake } from './wake.ts'

/** More than the server's heartbeat of 15 s. */
const SILENCE_MS = 25_000

/** A frame of the server about an entry: docs/protocol.md. */
type EntryFrame =
  | { readonly kind: 'state' | 'end'; readonly data: EntryState }
  | { readonly kind: 'progress'; readonly data: { readonly progress: unknown } }
  | { readonly kind: 'output'; readonly id: string; readonly data: { readonly text: string } }
  | { readonly kind: 'restart' }

/**
 * Follows an entry that `accept` answered with `url`, over a WebSocket of `acceptSockets`. It reconnects by itself, to any server, and
 * goes on after the last output.
 *
 *     const { url } = await (await fetch('/answers', { method: 'POST', headers, body })).json()
 *     const answer = follow(url, { onOutput: (text) => show(text), onRestart: () => clear(), onEnd: ({ state }) => done(state) })
 */
export function follow(url: LiveAddress, options: FollowOptions = {}): Following {
  const { silenceMs = SILENCE_MS } = options
  const Class = options.WebSocket ?? globalThis.WebSocket
  let cursor = options.from
  let socket: Socket | undefined
  let attempt = 0
  let over = false
  let ended = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const sleepless = onWake(() => (socket ? socket.probe() : timer !== undefined && begin()))

  function begin(): void {
    clearTimeout(timer)
    timer = undefined
    open().catch(() => wait({}))
  }

  async function open(): Promise<void> {
    const page = typeof url === 'function' ? await url() : url
    if (over) return
    const address = socketAddress(page)
    if (cursor !== undefined) address.searchParams.set('lastEventId', cursor)
    let opened = false
    socket = openSocket<EntryFrame>(Class, address.href, silenceMs, {
      open: () => (opened = true),
      frame: receive,
      ended(how) {
        socket = undefined
        if (over) return
        if (how.final !== undefined) finish({ state: 'refused' })
        else if (opened) wait(how)
        else void ask(page)
      },
    })
  }

  /** Browsers do not show the status of a refused WebSocket. */
  async function ask(page: string): Promise<void> {
    const address = page.replace(/^ws(s?:)/i, 'http$1')
    const signal = AbortSignal.timeout(silenceMs)
    const status = await fetch(address, { credentials: 'include', cache: 'no-store', signal }).then(
      (response) => response.status,
      () => 0,
    )
    if (over) return
    if (status >= 400 && status <= 404) finish({ state: 'refused' })
    else wait({})
  }

  function receive(frame: EntryFrame): void {
    attempt = 0
    if (over) return
    if (frame.kind === 'end') return finish(frame.data)
    if (frame.kind === 'output') cursor = frame.id
    run(() => {
      if (frame.kind === 'state') options.onState?.(frame.data)
      else if (frame.kind === 'progress') options.onProgress?.(frame.data.progress)
      else if (frame.kind === 'output') options.onOutput?.(frame.data.text, frame.id)
      else if (frame.kind === 'restart') options.onRestart?.()
    })
  }

  function wait({ afterMs = delayMs(attempt++) }: LinkEnd): void {
    if (over) return
    timer = setTimeout(begin, isOffline() ? Math.max(afterMs, delayMs(5)) : afterMs)
  }

  function close(): void {
    over = true
    clearTimeout(timer)
    sleepless()
    socket?.close()
    socket = undefined
  }

  function finish(end: EntryState): void {
    ended = end.state !== 'refused'
    close()
    run(() => options.onEnd?.(end))
  }

  begin()
  return {
    get cursor() {
      return cursor
    },
    async cancel() {
      if (ended) return 'too late'
      if (!socket?.isOpen) return 'unavailable'
      const reply = await socket.ask({ kind: 'cancel' })
      if (!reply) return 'unavailable'
      return (reply.error ?? 'cancelled') as Cancelled
    },
    close,
  }
}
