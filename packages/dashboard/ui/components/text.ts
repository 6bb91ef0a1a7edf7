import type { VNode } from 'preact'
import { useState } from 'preact/hooks'

import type { Shown } from '../../src/api-types.ts'
import { bytes } from '../lib/format.ts'
import { beginning, pieces } from '../lib/hostile.ts'
import { html } from '../lib/html.ts'
import { indented } from '../lib/json.ts'

/** A browser lays out so much text without a noticeable pause. */
const MOST_EXPANDED = 262_144

interface TextProps {
  readonly value: string
  /** UTF-16 units before it is cut. Default: 120. */
  readonly most?: number
  /** Keeps line breaks. Default: false. */
  readonly lines?: boolean
  /** Without a button to show the rest: for text within a link. Default: false. */
  readonly plain?: boolean
}

/** Text of others: isolated, with harmful characters as codes, and cut with a button that shows the rest. */
export function Text({ value, most = 120, lines = false, plain = false }: TextProps): VNode {
  const [open, setOpen] = useState(false)
  const shown = beginning(value, open ? MOST_EXPANDED : most)
  const cut = shown.length < value.length
  if (value === '') return html`<span class="muted">(empty)</span>`
  return html`<bdi
      >${pieces(shown, lines).map(({ text, code }) => (code ? html`<span class="code-point">${text}</span>` : text))}${
        cut ? '…' : ''
      }</bdi
    >${
      !plain && (cut || open) && value.length > most
        ? html` <button type="button" class="plain" aria-expanded=${open} onClick=${() => setOpen(!open)}>
            ${open ? 'Show less' : `Show all (${bytes(value.length)})`}
          </button>`
        : null
    }`
}

/** JSON that is shown at once in a table. */
const SHORT = 40

/** Data of the application in one line, which opens. */
export function DataLine({ data }: { readonly data: Shown | undefined }): VNode {
  if (data === undefined) return html`<span class="muted">–</span>`
  if (data.kind === 'hidden') return html`<span class="muted">hidden: redact failed</span>`
  const { json, cut } = data
  const line = html`<code class="line"
    ><${Text} value=${cut ? `${json}…` : json} most=${160} plain=${true}
  /></code>`
  if (json.length <= SHORT) return line
  return html`<details>
    <summary>${line}</summary>
    <${DataBlock} data=${data} label="All of it" />
  </details>`
}

/** Data of the application as a block. */
export function DataBlock({
  data,
  label,
}: {
  readonly data: Shown | undefined
  readonly label: string
}): VNode {
  if (data === undefined) return html`<div class="body muted">It is not stored any more.</div>`
  if (data.kind === 'hidden') {
    return html`<div class="body muted">
      Not shown, because the function <code>redact</code> failed for it.
    </div>`
  }
  const text = data.cut ? data.json : indented(data.json)
  const content = html`<${Text} value=${text} most=${4000} lines=${true} />`
  return html`${data.redacted ? html`<div class="body muted">Parts of it were redacted.</div>` : null}
    <pre class="payload" tabindex="0" role="region" aria-label=${label}>${content}</pre>
    ${data.cut ? html`<div class="body muted">It is longer than this; the rest was left out.</div>` : null}`
}
