const list = document.getElementById('board')
const line = document.getElementById('standing')
const rowsByMember = new Map()
const calm = matchMedia('(prefers-reduced-motion: reduce)')

/** Shows the top rows; rows that changed places move there. */
export function showBoard(rows, member, nothing) {
  const before = new Map([...rowsByMember].map(([key, row]) => [key, row.getBoundingClientRect().top]))
  const most = rows[0]?.score ?? 1
  const now = rows.map((row) =>
    fill(rowsByMember.get(row.member) ?? create(row.member), row, most, row.member === member),
  )
  for (const key of rowsByMember.keys()) if (!rows.some((row) => row.member === key)) rowsByMember.delete(key)
  list.replaceChildren(...(now.length > 0 ? now : [empty(nothing)]))
  if (calm.matches) return
  for (const [key, row] of rowsByMember) {
    const moved = before.has(key) ? before.get(key) - row.getBoundingClientRect().top : 16
    if (Math.abs(moved) < 1) continue
    const from = { transform: `translateY(${moved}px)`, ...(before.has(key) ? {} : { opacity: 0 }) }
    row.animate([from, { transform: 'none' }], { duration: 320, easing: 'cubic-bezier(.2,.8,.25,1)' })
  }
}

/** The rows after a change of the live view. */
export function afterChange(rows, { value, set, order }) {
  if (value) return value
  const all = new Map([...rows, ...set].map((row) => [row.member, row]))
  return (order ?? rows.map((row) => row.member)).map((name) => all.get(name))
}

/** The visitor's own place, from the rows around it. */
export function showStanding({ me, ahead }) {
  if (!me) line.textContent = 'You are not on the board yet.'
  else if (!ahead) line.textContent = `You lead with ${clicks(me.score)}.`
  else {
    const behind = ahead.score - me.score
    const gap = behind === 0 ? 'level with' : `${clicks(behind)} behind`
    line.textContent = `You are ${ordinal(me.rank)} with ${clicks(me.score)}, ${gap} ${ahead.name}.`
  }
}

export function ordinal(rank) {
  const ending = { one: 'st', two: 'nd', few: 'rd', other: 'th' }
  return `${rank}${ending[new Intl.PluralRules('en', { type: 'ordinal' }).select(rank)]}`
}

export function clicks(count) {
  return count === 1 ? '1 click' : `${count} clicks`
}

function create(member) {
  const row = document.createElement('li')
  for (const name of ['rank', 'name', 'score']) {
    const cell = document.createElement('span')
    cell.className = name
    row.append(cell)
  }
  rowsByMember.set(member, row)
  return row
}

function fill(row, { rank, name, score }, most, mine) {
  const texts = [rank, name, score]
  texts.forEach((text, at) => {
    if (row.children[at].textContent !== String(text)) row.children[at].textContent = text
  })
  row.classList.toggle('mine', mine)
  row.style.setProperty('--share', String(score / most))
  return row
}

function empty(text = 'Nobody is on the board yet. Click once to lead it.') {
  const row = document.createElement('li')
  row.className = 'empty'
  row.textContent = text
  return row
}
