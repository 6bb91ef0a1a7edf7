/** Badges: each is a tool of the visitor's own knife. */

const shelf = document.getElementById('tools')
const toasts = document.getElementById('toasts')
const TOAST_MS = 6000
/** There one message covers half of the page. */
const narrow = matchMedia('(max-width: 720px)')
const SVG = 'http://www.w3.org/2000/svg'

const TOOLS = [
  { tool: 'blade', title: 'Blade', how: 'your first click', clicks: 1 },
  { tool: 'corkscrew', title: 'Corkscrew', how: '10 clicks', clicks: 10 },
  { tool: 'opener', title: 'Tin opener', how: '50 clicks', clicks: 50 },
  { tool: 'saw', title: 'Saw', how: '100 clicks', clicks: 100 },
  { tool: 'scissors', title: 'Scissors', how: '5 clicks in one minute' },
]

let owned = new Map()

export function showTools(badges) {
  owned = new Map(badges.map((badge) => [badge.id, badge]))
  draw()
}

/** A badge notification. It may come twice, for a worker may handle a click twice; it is shown once. */
export function addTool(badge, toast) {
  if (!toasted.has(`${badge.id} ${badge.entry}`)) {
    toasted.add(`${badge.id} ${badge.entry}`)
    showToast(badge, toast)
  }
  owned.set(badge.id, badge)
  draw(badge.tool)
}
const toasted = new Set()

export function titleOf(tool) {
  return TOOLS.find((known) => known.tool === tool)?.title ?? tool
}

/** The next tool that a number of clicks leads to. */
export function nextTool(score) {
  return TOOLS.find(({ clicks }) => clicks > score)
}

function draw(fresh) {
  const items = TOOLS.map(({ tool, title, how }) => {
    const times = [...owned.values()].filter((badge) => badge.tool === tool).length
    const item = document.createElement('li')
    item.classList.toggle('earned', times > 0)
    item.classList.toggle('new', tool === fresh)
    const count = document.createElement('span')
    count.className = 'times'
    count.textContent = times > 1 ? `× ${times}` : ''
    item.append(icon(tool), words(title, times > 0 ? `for ${how}` : how), count)
    return item
  })
  shelf.replaceChildren(...items)
}

function showToast({ tool }, late) {
  const known = TOOLS.find((each) => each.tool === tool)
  if (!known) return
  const toast = document.createElement('div')
  toast.className = 'toast'
  toast.append(
    icon(tool),
    words(known.title, late ? `earned while you were away: ${known.how}` : `for ${known.how}`),
  )
  toasts.append(toast)
  while (toasts.childElementCount > (narrow.matches ? 1 : 3)) toasts.firstElementChild.remove()
  let timer = setTimeout(() => toast.remove(), TOAST_MS)
  toast.addEventListener('pointerenter', () => clearTimeout(timer))
  toast.addEventListener('pointerleave', () => (timer = setTimeout(() => toast.remove(), 1500)))
}

function icon(tool) {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(SVG, 'use')
  use.setAttribute('href', `#tool-${tool}`)
  svg.append(use)
  return svg
}

function words(title, text) {
  const box = document.createElement('div')
  const strong = document.createElement('b')
  strong.textContent = title
  const small = document.createElement('span')
  small.textContent = text
  box.append(strong, small)
  return box
}

draw()
