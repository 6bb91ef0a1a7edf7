import type { VNode } from 'preact'

import { type Child, html } from '../lib/html.ts'

export function Tiles({ children }: { readonly children?: Child }): VNode {
  return html`<dl class="tiles">${children}</dl>`
}

interface TileProps {
  readonly name: string
  readonly value: Child
  readonly tone?: 'bad' | 'warn' | ''
  /** Below the number, such as a line. */
  readonly children?: Child
}

/** A number at a glance. */
export function Tile({ name, value, tone = '', children }: TileProps): VNode {
  return html`<div class=${`tile ${tone} ${children ? 'with-spark' : ''}`}>
    <dt>${name}</dt>
    <dd>${value}${children}</dd>
  </div>`
}
