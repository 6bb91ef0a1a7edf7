import { askedMs } from './delays.ts'
import type { Frame, Link, LinkEnd, LinkListener, Positions } from './frames.ts'

/** Times the silence after which a server could be asked for a sign: a stream cannot ask. */
const PATIENCE = 1.8
/** After this long without even a heartbeat, a stream may be dead. */
const QUIET_MS = 16_000

/** Follows channels over server-sent events, read with `fetch`: it shows the status, and Node has it. */
export function openEventStream(
  url: string,
  headers: Readonly<Record<string, string>>,
  silenceMs: number,
  listener: LinkListener,
): Link {
  let abort = new AbortController()
  let channels: Positions = new Map()
  let heardAt = Date.now()
  let over = false
  let opening = false

  function end(how: LinkEnd): void {
    if (over) return
    over = true
    abort.abort()
    listener.ended(how)
  }

  /** Begins again with all channels, at their positions. */
  function open(): void {
    abort.abort()
    abort = new AbortController()
    heardAt = Date.now()
    const { signal } = abort
    read(signal).then(
      (how) => signal.aborted || end(how),
      () => signal.aborted || end({}),
    )
  }

  async function read(signal: AbortSignal): Promise<LinkEnd> {
    const response = await fetch(addressOf(url, channels), {
      signal,
      headers: { ...headers, accept: 'text/event-stream' },
      credentials: 'include',
      cache: 'no-store',
    })
    const refusal = refusalOf(response)
    if (refusal || !response.body) return refusal ?? {}
    listener.open()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const parse = parser((frame) => signal.aborted || listener.frame(frame), channels)
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return parse.end()
      heardAt = Date.now()
      parse.text(value)
    }
  }

  const silence = setInterval(() => {
    if (over) clearInterval(silence)
    else if (Date.now() - heardAt > silenceMs * PATIENCE) end({})
  }, silenceMs / 2)
  ;(silence as { unref?: () => void }).unref?.()

  return {
    transport: 'sse',
    join(_, all) {
      channels = all
      if (opening) return
      opening = true
      queueMicrotask(() => {
        opening = false
        if (!over) open()
      })
    },
    // Its frames are ignored. The next connect leaves it out.
    leave() {},
    // Chromium drops the stream of a frozen page without a sign.
    probe(frozen) {
      if (frozen || Date.now() - heardAt > QUIET_MS) end({ afterMs: 0 })
    },
    close() {
      over = true
      abort.abort()
      clearInterval(silence)
    },
  }
}

function addressOf(url: string, channels: Positions): string {
  const address = new URL(url, globalThis.location?.href)
  for (const channel of channels.keys()) address.searchParams.append('channel', channel)
  const known = [...channels].filter((one): one is [string, string] => one[1] !== undefined)
  if (known.length > 0) address.searchParams.set('lastEventId', new URLSearchParams(known).toString())
  return address.href
}

function refusalOf({ status, headers }: Response): LinkEnd | undefined {
  if (status === 200) return undefined
  if (status === 204 || (status >= 400 && status <= 404)) return { final: 'refused' }
  const seconds = Number(headers.get('retry-after') ?? '')
  return seconds > 0 ? { afterMs: askedMs(seconds * 1000) } : {}
}

/** Parses the text of a stream, in any pieces. */
function parser(
  tell: (frame: Frame) => void,
  channels: Positions,
): { text(piece: string): void; end(): LinkEnd } {
  let rest = ''
  let how: LinkEnd = {}
  let positions = new URLSearchParams()

  function block(text: string): void {
    let type = 'message'
    let data = ''
    let moved = false
    for (const line of text.split('\n')) {
      const colon = line.indexOf(':')
      const value = line.slice(colon + 1).replace(/^ /, '')
      const field = line.slice(0, Math.max(colon, 0))
      if (field === 'id') {
        positions = new URLSearchParams(value)
        moved = true
      } else if (field === 'event') type = value
      else if (field === 'data') data += value
      else if (field === 'retry') how = { afterMs: askedMs(Number(value)) }
    }
    if (data === '') {
      if (moved) for (const [channel, id] of positions) tell({ kind: 'position', channel, id })
    } else dispatch(type, JSON.parse(data) as Record<string, unknown>, moved)
  }

  function dispatch(type: string, content: Record<string, unknown>, moved: boolean): void {
    const channel = String(content['channel'])
    const id = moved ? positions.get(channel) : null
    if (type === 'closed') how = { final: String(content['reason']) }
    else if (!channels.has(channel)) return
    else if (type === 'revoked') tell({ kind: 'revoked', channel })
    else if (type === 'reset') tell({ kind: 'reset', channel, id })
    else if (type === 'state') tell({ kind: 'state', channel, id: id ?? '', state: content['state'] })
    else tell({ kind: 'event', channel, id, type, data: content['data'] })
  }

  return {
    text(piece) {
      const blocks = (rest + piece).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const text of blocks) block(text)
    },
    end: () => how,
  }
}
