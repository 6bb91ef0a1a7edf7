/**
 * The gauges, drawn from nothing but the standard headers:
 *   RateLimit-Policy: "burst";q=10;w=20     q tokens come back in w seconds
 *   RateLimit:        "burst";r=7;t=2       r are left, one more is there in t seconds
 */

const place = document.getElementById('quota')
let rules = []

export function readQuota(headers) {
  const policies = parse(headers.get('RateLimit-Policy'))
  const states = new Map(parse(headers.get('RateLimit')).map((state) => [state.name, state]))
  if (policies.length === 0 || states.size === 0) return
  const now = performance.now()
  rules = policies.map(({ name, q, w }) => {
    const { r = 0, t = 0 } = states.get(name) ?? {}
    return { name, limit: q, every: w / q, left: r, next: t, at: now }
  })
  build()
  draw()
}

/** `burst 7, steady 97` */
export function quotaText() {
  return rules.map((rule) => `${rule.name} ${whole(rule)}`).join(', ')
}

/** The seconds after which the rule that is used up gives one token back. */
export function ruleOf(name) {
  return rules.find((rule) => rule.name === name)
}

function parse(header) {
  return [...(header ?? '').matchAll(/"([^"]*)"((?:;\w+=-?\d+)*)/g)].map(([, name, parameters]) => {
    const pairs = [...parameters.matchAll(/;(\w+)=(-?\d+)/g)].map(([, key, value]) => [key, Number(value)])
    return { name, ...Object.fromEntries(pairs) }
  })
}

/** Tokens there by now, with the part of the next one that has come back. */
function level({ limit, every, left, next, at }) {
  if (left >= limit) return limit
  const since = (performance.now() - at) / 1000
  const wait = Math.min(next, every)
  const grown = since < wait ? 1 - (wait - since) / every : 1 + (since - wait) / every
  return Math.min(limit, left + Math.max(0, grown))
}

const whole = (rule) => Math.floor(level(rule) + 1e-6)

function build() {
  if (place.childElementCount === rules.length) return
  place.replaceChildren(
    ...rules.map((rule) => {
      const box = document.createElement('div')
      const text = document.createElement('p')
      text.className = 'rule-text'
      text.append(document.createElement('span'), document.createElement('span'))
      const pips = document.createElement('div')
      pips.className = 'pips'
      pips.append(...Array.from({ length: Math.min(rule.limit, 10) }, () => document.createElement('i')))
      box.append(text, pips)
      return box
    }),
  )
}

function draw() {
  rules.forEach((rule, at) => {
    const [text, pips] = place.children[at].children
    const tokens = level(rule)
    const [left, more] = text.children
    setText(left, `${rule.name}: ${whole(rule)} of ${rule.limit} left`)
    setText(more, tokens >= rule.limit ? 'full' : `+1 every ${Math.round(rule.every * 10) / 10} s`)
    const perPip = rule.limit / pips.childElementCount
    ;[...pips.children].forEach((pip, nth) => {
      pip.style.setProperty('--fill', String(Math.max(0, Math.min(1, tokens / perPip - nth))))
    })
  })
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

setInterval(draw, 100)
