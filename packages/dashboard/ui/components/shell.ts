import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { count } from '../lib/format.ts'
import { visible } from '../lib/hostile.ts'
import { type Child, html } from '../lib/html.ts'
import { focusSearch, moveInTables, type Shortcut, useShortcuts } from '../lib/keyboard.ts'
import { totalsOf, useLive } from '../lib/live.ts'
import { go, link, type Route } from '../lib/router.ts'
import { useSession } from '../lib/session.ts'
import { useTheme } from '../lib/theme.ts'
import { Dialog } from './dialog.ts'
import { Text } from './text.ts'

interface Section {
  readonly name: string
  readonly title: string
  readonly key: string
}

const SECTIONS: readonly Section[] = [
  { name: 'streams', title: 'Streams', key: 's' },
  { name: 'dead', title: 'Dead letters', key: 'd' },
  { name: 'schedules', title: 'Schedules', key: 'c' },
  { name: 'limits', title: 'Limits', key: 'l' },
  { name: 'boards', title: 'Boards', key: 'b' },
  { name: 'channels', title: 'Channels', key: 'h' },
  { name: 'locks', title: 'Locks', key: 'k' },
]

const STATUS = { connecting: 'Connecting', open: 'Live', away: 'Not connected', paused: 'Paused' } as const

interface ShellProps {
  readonly route: Route
  readonly space: string | undefined
  readonly children?: Child
}

/** The navigation around the screens, and the keyboard. */
export function Shell({ route, space, children }: ShellProps): VNode {
  const { status, overview, refresh } = useLive()
  const redisAway = status === 'open' && overview?.redis.status === 'unavailable'
  const [theme, nextTheme] = useTheme()
  const [menu, setMenu] = useState(false)
  const [help, setHelp] = useState(false)
  const here = route.parts.join('/')
  useEffect(() => setMenu(false), [here])
  const section = (name: string): string => (space === undefined ? link([]) : link(['s', space, name]))
  const shortcuts: readonly Shortcut[] = [
    { keys: ['g', 'o'], text: 'Overview', run: () => go(link([])) },
    ...SECTIONS.map(({ name, title, key }): Shortcut => ({
      keys: ['g', key],
      text: title,
      run: () => go(section(name)),
    })),
    { keys: ['g', 'a'], text: 'Audit', run: () => go(link(['audit'])) },
    { keys: ['j'], text: 'Next row', run: () => moveInTables(1) },
    { keys: ['k'], text: 'Previous row', run: () => moveInTables(-1) },
    { keys: ['/'], text: 'Search field of the screen', run: focusSearch },
    { keys: ['r'], text: 'Read everything again', run: refresh },
    { keys: ['t'], text: 'Next colour theme', run: nextTheme },
    { keys: ['?'], text: 'This list', run: () => setHelp(true) },
    { keys: ['Escape'], text: 'Close a dialog or the menu', run: () => setMenu(false) },
  ]
  useShortcuts(shortcuts)
  const { user, role, title, version } = useSession()
  return html`<a class="skip" href="#main" onClick=${toMain}>Skip to the content</a>
    <div class="app">
      <div class=${menu ? 'side open' : 'side'}>
        <div class="side-top">
          <a class="brand" href=${link([])}><${Logo} /><${Text} value=${title} most=${24} plain=${true} /></a>
          <button
            type="button"
            class="menu-button"
            aria-expanded=${menu}
            aria-controls="menu"
            onClick=${() => setMenu(!menu)}
          >
            Menu
          </button>
        </div>
        <div class="side-body" id="menu">
          <${SpaceChoice} route=${route} space=${space} />
          <nav class="nav" aria-label="Screens">
            <${NavLink} href=${link([])} current=${here === ''}>Overview<//>
            ${
              space === undefined
                ? null
                : SECTIONS.map(
                    ({ name, title: text }) =>
                      html`<${NavLink}
                        href=${section(name)}
                        current=${route.parts[0] === 's' && route.parts[2] === name}
                      >
                        ${text}
                        ${name === 'dead' ? html`<${DeadPill} dead=${totalsOf(overview, space)?.dead ?? 0} />` : null}
                      <//>`,
                  )
            }
            <${NavLink} href=${link(['audit'])} current=${here === 'audit'}>Audit<//>
          </nav>
        </div>
        <div class="side-foot side-body">
          <div class="line">
            <span class=${`live ${redisAway ? 'away' : status}`} role="status"
              >${redisAway ? 'Redis is away' : STATUS[status]}</span
            >
            <button
              type="button"
              class="plain"
              onClick=${nextTheme}
              aria-label=${`Theme: ${theme === 'system' ? 'auto' : theme}. Change it`}
            >
              Theme: ${theme === 'system' ? 'auto' : theme}
            </button>
          </div>
          <div class="line muted">
            <span>
              <${Text} value=${user} most=${24} plain=${true} />${role === 'read' ? ' (may only read)' : ''}
            </span>
            <button type="button" class="plain" onClick=${() => setHelp(true)}>Shortcuts</button>
          </div>
          <div class="muted">penknife ${version}</div>
        </div>
      </div>
      <main class="main" id="main" tabindex="-1"><${Banner} />${children}</main>
    </div>
    ${help ? html`<${Help} shortcuts=${shortcuts} onClose=${() => setHelp(false)} />` : null}`
}

/** The fragment of the URL is the route, so the link cannot use it. */
function toMain(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function Logo(): VNode {
  return html`<svg viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <rect width="20" height="20" rx="5" fill="currentColor" />
    <path d="M4.5 6h11M4.5 10h7.5M4.5 14h4" stroke="var(--surface)" stroke-width="2" stroke-linecap="round" />
  </svg>`
}

interface NavLinkProps {
  readonly href: string
  readonly current: boolean
  readonly children?: Child
}

function NavLink({ href, current, children }: NavLinkProps): VNode {
  return html`<a href=${href} aria-current=${current ? 'page' : undefined}>${children}</a>`
}

function DeadPill({ dead }: { readonly dead: number }): VNode | null {
  return dead === 0 ? null : html`<span class="pill bad">${count(dead)}</span>`
}

function SpaceChoice({
  route,
  space,
}: {
  readonly route: Route
  readonly space: string | undefined
}): VNode | null {
  const { overview } = useLive()
  const names = (overview?.spaces ?? []).map((totals) => totals.space)
  if (space === undefined) return null
  const all = names.includes(space) ? names : [space, ...names]
  const section = route.parts[0] === 's' ? (route.parts[2] ?? 'streams') : 'streams'
  return html`<div class="space-choice">
    <select
      aria-label="Space"
      value=${space}
      onChange=${({ target }: Event) => {
        const { value } = target as HTMLSelectElement
        go(value === '' ? link(['spaces']) : link(['s', value, section]))
      }}
    >
      ${all.map((name) => html`<option value=${name}>${visible(name, 60)}</option>`)}
      <option value="">All spaces …</option>
    </select>
  </div>`
}

function Banner(): VNode | null {
  const { status, overview } = useLive()
  if (status === 'away') {
    return html`<div class="banner" role="alert">
      <strong>The server of this page does not answer.</strong> It connects again by itself. What you see may
      be old.
    </div>`
  }
  if (overview?.redis.status !== 'unavailable') return null
  return html`<div class="banner" role="alert">
    <strong>Redis does not answer.</strong>
    <span><${Text} value=${overview.redis.reason ?? ''} most=${200} /></span>
    <span>The page continues when Redis is back. What you see may be old.</span>
  </div>`
}

function Help({
  shortcuts,
  onClose,
}: {
  readonly shortcuts: readonly Shortcut[]
  readonly onClose: () => void
}): VNode {
  return html`<${Dialog} label="Keyboard shortcuts" onClose=${onClose}>
    <div class="inner">
      <h2>Keyboard shortcuts</h2>
      <dl class="facts">
        ${shortcuts.map(
          ({ keys, text }) =>
            html`<dt>
                ${keys.map((key, at) => [at > 0 ? ' ' : null, html`<kbd>${key === 'Escape' ? 'Esc' : key}</kbd>`])}
              </dt>
              <dd>${text}</dd>`,
        )}
      </dl>
      <div class="buttons"><button type="button" autofocus onClick=${onClose}>Close</button></div>
    </div>
  <//>`
}
