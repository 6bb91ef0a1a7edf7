import type { VNode } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

import { type Child, html } from '../lib/html.ts'

interface DialogProps {
  readonly label: string
  readonly onClose: () => void
  readonly children?: Child
}

/** A modal dialog of the browser: it keeps the focus, closes at Esc, and gives the focus back. */
export function Dialog({ label, onClose, children }: DialogProps): VNode {
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return html`<dialog
    ref=${element}
    aria-label=${label}
    onClose=${onClose}
    onClick=${(event: MouseEvent) => {
      if (event.target === element.current) element.current?.close()
    }}
  >
    ${children}
  </dialog>`
}
