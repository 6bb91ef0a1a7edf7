const list = document.getElementById('log')
const LINES = 14
let lines = []

export function showLog(entries, nothing) {
  lines = entries
  list.replaceChildren(...(entries.length > 0 ? entries.map((entry) => item(entry)) : [empty(nothing)]))
}

/** A request that just finished. Entries come at least once and from several servers: shown once, in their order. */
export function addToLog(entry) {
  if (lines.some(({ id }) => id === entry.id)) return
  if (lines.length === 0) list.replaceChildren()
  const at = lines.findIndex(({ id }) => earlier(id, entry.id))
  const place = at < 0 ? lines.length : at
  if (place >= LINES) return
  lines = lines.toSpliced(place, 0, entry).slice(0, LINES)
  const added = item(entry)
  added.classList.add('fresh')
  list.insertBefore(added, list.children[place] ?? null)
  while (list.childElementCount > LINES) list.lastElementChild.remove()
}

function earlier(a, b) {
  const [ms, nth] = a.split('-').map(Number)
  const [otherMs, otherNth] = b.split('-').map(Number)
  return ms < otherMs || (ms === otherMs && nth < otherNth)
}

function item({ method, path, status, ms }) {
  const line = document.createElement('li')
  if (status >= 400) line.className = 'refused'
  for (const [name, text] of Object.entries({ method, path, status, ms: duration(ms) })) {
    const cell = document.createElement('span')
    cell.className = name
    cell.textContent = text
    line.append(cell)
  }
  return line
}

function duration(ms) {
  if (ms < 9995) return `${ms < 100 ? ms.toFixed(1) : Math.round(ms)} ms`
  return ms < 99_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`
}

function empty(text = 'Requests appear here as they finish.') {
  const line = document.createElement('li')
  line.className = 'empty'
  line.textContent = text
  return line
}
