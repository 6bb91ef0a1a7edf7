import { afterChange, clicks, ordinal, showBoard, showStanding } from './board.js'
import { fold, onClick, open, showHandle } from './knife.js'
import { follow } from './live.js'
import { addToLog, showLog } from './log.js'
import { me } from './me.js'
import { quotaText, readQuota, ruleOf } from './quota.js'
import { ask } from './server.js'
import { addTool, nextTool, showTools, titleOf } from './tools.js'

const LINK = {
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  away: 'Redis is away',
}
const HINTS = {
  live: 'Click the handle. Each blade shows one thing that penknife did in Redis.',
  connecting: 'Connecting to the server.',
  reconnecting:
    'The server does not answer. The page reconnects by itself, and then shows the events it missed.',
  away: 'Redis does not answer. The limiter’s policy for that is “closed”: no click passes until Redis is back.',
}
const KILLED = 'Redis was killed. Confirmed clicks are on disk, so nothing is lost when it starts again.'

const CLOSED = 'no answer from Redis, policy **closed**'

let state = 'connecting'
let member = ''
let standing = { me: null, ahead: null }
let limitedUntil = 0
let limitedBy = ''
let openedAt = 0
let canRestart = false
/** Whether the first blade shows a refusal that ends with the wait. */
let refused = false

// State of the whole page

const live = follow({
  onState(next) {
    state = next
    if (state === 'away') {
      if (member === '') showNothing()
      open('limiter', CLOSED, true)
      fold('stream', 'board', 'worker', 'notifier')
    } else if (state === 'live') fold('limiter', 'stream', 'board', 'worker', 'notifier')
    drawState()
  },
  onOpen() {
    openedAt = Date.now()
    void load()
  },
  onHealth(health) {
    canRestart = health.canRestart
    drawState()
  },
  onEvent,
})

/** A page that opened while Redis is away has nothing to show yet, and says why. */
function showNothing() {
  const text = 'Redis does not answer yet. The data appears when it does.'
  showBoard([], member, text)
  showLog([], text)
}

const restart = document.getElementById('restart')
restart.addEventListener('click', async () => {
  restart.disabled = true
  await ask('POST', '/redis')
  restart.disabled = false
  live.check()
})

function drawState() {
  const link = document.getElementById('link')
  const hint = document.getElementById('hint')
  const wait = Math.ceil((limitedUntil - performance.now()) / 1000)
  link.dataset.state = state
  setText(link.firstElementChild, LINK[state])
  const killed = state === 'away' && canRestart
  hint.toggleAttribute('data-alarm', state === 'away' || state === 'reconnecting')
  setText(hint.firstElementChild, state === 'live' && wait > 0 ? limitHint() : killed ? KILLED : HINTS[state])
  restart.hidden = !killed
  if (refused && state === 'live' && wait <= 0) {
    refused = false
    fold('limiter')
  }
  if (state === 'away') showHandle('Away', 'waiting for Redis', true)
  else if (state !== 'live') showHandle('Wait', 'no connection', true)
  else if (wait > 0) showHandle(String(wait), wait === 1 ? 'second to wait' : 'seconds to wait', true)
  else showHandle('Click', standing.me ? clicks(standing.me.score) : 'and see', false)
}

function limitHint() {
  const rule = ruleOf(limitedBy)
  return rule
    ? `The rule “${rule.name}” is used up. It allows ${rule.limit} clicks, and gives one back every ${rule.every} s.`
    : 'You clicked faster than the rate limit allows. Wait a moment.'
}

async function load() {
  const answer = await ask('GET', '/state')
  if (!answer?.ok) return
  readQuota(answer.headers)
  const { body } = answer
  member = body.member
  showBoard(body.rows, member)
  showTools(body.badges)
  showLog(body.log)
  place(body)
}

function place(now) {
  standing = { me: now.me, ahead: now.ahead }
  showStanding(standing)
  drawState()
}

// A click

let current
const handled = new Map()
const notified = new Map()

onClick(async () => {
  const answer = await ask('POST', '/clicks', { name: me.name })
  refused = false
  if (!answer) return live.check()
  readQuota(answer.headers)
  if (answer.status === 429) return limited(answer)
  if (!answer.ok) {
    open('limiter', answer.status === 503 ? CLOSED : `the server answered ${answer.status}`, true)
    fold('stream', 'board', 'worker', 'notifier')
    return live.check()
  }
  const { body } = answer
  current = body
  place(body)
  open('limiter', `passed, left: **${quotaText()}**`)
  open('stream', `entry **${body.entry}** in **clicks**`)
  open('board', `score **${body.score}**, now **${ordinal(body.me.rank)}**`)
  if (handled.has(body.entry)) showHandled(handled.get(body.entry))
  else {
    open('worker', 'waiting for a worker …')
    fold('notifier')
  }
})

function limited({ headers, body }) {
  const seconds = Number(headers.get('Retry-After') ?? 1)
  limitedUntil = performance.now() + seconds * 1000
  limitedBy = body['violated-policies']?.at(-1) ?? ''
  current = undefined
  refused = true
  open(
    'limiter',
    `**429** by **${body['violated-policies']?.join(', ')}**, Retry-After: **${seconds}**`,
    true,
  )
  fold('stream', 'board', 'worker', 'notifier')
  drawState()
}

function showHandled({ entry, attempt, ms, consumer, badges }) {
  const who = consumer.split('-').slice(-2).join('-')
  open('worker', `**${ms} ms**, attempt **${attempt}**, by **${who}**`)
  const [badge] = badges
  const next = nextTool(standing.me?.score ?? 0)
  if (badge) {
    const id = notified.get(entry)
    open('notifier', `${titleOf(badge.tool)}${id ? `, event **${id}**` : ''}`)
  } else if (next) open('notifier', `none now: ${next.title.toLowerCase()} at ${clicks(next.clicks)}`)
  else open('notifier', 'none now: you have every tool')
}

// What comes by itself

let board = []

function onEvent(type, { data, state }, lastEventId) {
  if (type === 'state' || type === 'change') {
    board = state ?? afterChange(board, data)
    const rows = board.map((row) => ({ ...row, name: row.data?.name ?? 'Somebody' }))
    showBoard(rows, member)
    follows(rows)
  } else if (type === 'log') addToLog(data)
  else if (type === 'handled') {
    bounded(handled, data.entry, data)
    if (current?.entry === data.entry) showHandled(data)
  } else if (type === 'badge') {
    bounded(notified, data.entry, new URLSearchParams(lastEventId).get(`visitor.${member}`))
    // It was earned before this page, or its connection, was open.
    addTool(data, Number.parseInt(data.entry, 10) < openedAt - 1000)
  } else if (type === 'reset') void load()
}

let asking = false

/** The ranking changed: this visitor's place is in the rows, or the server has to be asked for it. */
function follows(rows) {
  const at = rows.findIndex((row) => row.member === member)
  if (at >= 0) return place({ me: rows[at], ahead: rows[at - 1] ?? null })
  if (asking || !standing.me) return
  asking = true
  setTimeout(async () => {
    const answer = await ask('GET', '/rank')
    asking = false
    if (answer?.ok) place(answer.body)
  }, 4000)
}

function bounded(map, key, value) {
  map.set(key, value)
  if (map.size > 50) map.delete(map.keys().next().value)
}

// The name

const input = document.getElementById('name')
input.value = me.name
input.size = Math.max(8, me.name.length)
input.addEventListener('input', () => (input.size = Math.max(8, input.value.length)))
input.addEventListener('change', async () => {
  const name = input.value.trim()
  if (name === '') return (input.value = me.name)
  me.rename(name)
  const answer = await ask('PUT', '/name', { name })
  if (answer?.ok) place(answer.body)
})
input.addEventListener('keydown', (event) => {
  if (event.key === 'Enter') input.blur()
})

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

drawState()
setInterval(drawState, 200)
