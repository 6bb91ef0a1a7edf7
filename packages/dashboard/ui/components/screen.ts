import type { VNode } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

import { visible } from '../lib/hostile.ts'
import { type Child, html } from '../lib/html.ts'
import { useSession } from '../lib/session.ts'
import { Text } from './text.ts'

export interface Crumb {
  readonly text: string
  readonly href: string
}

interface ScreenProps {
  readonly title: string
  readonly crumbs?: readonly Crumb[]
  /** A line below the title. */
  readonly sub?: Child
  /** Buttons beside the title. */
  readonly actions?: Child
  readonly children?: Child
}

/** The frame of each screen. After navigation its heading gets the focus. */
export function Screen({ title, crumbs = [], sub, actions, children }: ScreenProps): VNode {
  const heading = useRef<HTMLHeadingElement>(null)
  const { title: application } = useSession()
  const place = [...crumbs.map(({ text }) => text), title].join(' / ')
  useEffect(() => {
    document.title = `${visible(title, 60)} · ${visible(application, 60)}`
    heading.current?.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [place])
  return html`<div class="screen">
    <header class="screen-head">
      <div>
        ${
          crumbs.length > 0
            ? html`<nav aria-label="Path">
                <ol class="crumbs">
                  ${crumbs.map(
                    ({ text, href }) =>
                      html`<li>
                        <a href=${href}><${Text} value=${text} most=${40} plain=${true} /></a>
                      </li>`,
                  )}
                </ol>
              </nav>`
            : null
        }
        <h1 tabindex="-1" ref=${heading}><${Text} value=${title} most=${80} /></h1>
        ${sub ? html`<div class="sub">${sub}</div>` : null}
      </div>
      ${actions ? html`<div class="actions">${actions}</div>` : null}
    </header>
    ${children}
  </div>`
}
