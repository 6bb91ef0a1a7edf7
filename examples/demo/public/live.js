/** The event stream and the state of the connection: connecting, live, reconnecting, away (Redis). */

import { me, remember, remembered } from './me.js'
import { ask } from './server.js'

const HEALTH_MS = 2000
const RESTART_MS = 1500
const TYPES = ['badge', 'handled', 'state', 'change', 'log', 'reset']

export function follow({ onEvent, onState, onOpen, onHealth }) {
  let source
  let state = 'connecting'
  let server = true
  let redis = true
  let everOpen = false

  function connect() {
    const cursor = new URLSearchParams(remembered('cursor') ?? '')
    // Of the board the page needs the state, not what changed since.
    cursor.delete('board')
    const query = new URLSearchParams({ visitor: me.id, ...(cursor.size > 0 ? { lastEventId: cursor } : {}) })
    source = new EventSource(`/events?${query}`)
    source.addEventListener('open', () => {
      everOpen = true
      tell()
      onOpen()
    })
    // A browser reconnects by itself, with the last id; only what it gives up is begun anew.
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, RESTART_MS)
      void check()
    })
    for (const type of TYPES) {
      source.addEventListener(type, (event) => {
        if (event.lastEventId) remember('cursor', event.lastEventId)
        onEvent(type, JSON.parse(event.data), event.lastEventId)
      })
    }
  }

  let checking = false
  async function check() {
    if (checking) return
    checking = true
    const answer = await ask('GET', '/health')
    checking = false
    server = answer !== undefined
    const was = redis
    if (answer?.ok) {
      redis = answer.body.status !== 'unavailable'
      onHealth(answer.body)
    }
    tell()
    if (redis && !was && source.readyState === EventSource.OPEN) onOpen()
  }

  function tell() {
    const open = source.readyState === EventSource.OPEN
    const next = !server
      ? 'reconnecting'
      : !redis
        ? 'away'
        : open
          ? 'live'
          : everOpen
            ? 'reconnecting'
            : 'connecting'
    if (next === state) return
    state = next
    onState(state)
  }

  connect()
  void check()
  setInterval(() => {
    if (!document.hidden) void check()
  }, HEALTH_MS)
  document.addEventListener('visibilitychange', () => void check())

  return { check }
}
