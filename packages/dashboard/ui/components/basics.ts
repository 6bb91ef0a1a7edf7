import type { VNode } from 'preact'

import { type ApiFailure, isGone } from '../lib/api.ts'
import { count, fromNow, localTime } from '../lib/format.ts'
import { type Child, html } from '../lib/html.ts'
import type { Loaded } from '../lib/load.ts'
import { Text } from './text.ts'

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | ''

export function Badge({ tone = '', children }: { readonly tone?: Tone; readonly children?: Child }): VNode {
  return html`<span class=${`badge ${tone}`}>${children}</span>`
}

/** A number; zero is quiet, so that others are seen. */
export function Count({ value, tone = '' }: { readonly value: number; readonly tone?: Tone }): VNode {
  if (value === 0) return html`<span class="muted">0</span>`
  return tone === '' ? html`${count(value)}` : html`<${Badge} tone=${tone}>${count(value)}<//>`
}

/** A time as a distance from now, with the exact time beside the pointer. */
export function Time({
  atMs,
  exact = false,
}: {
  readonly atMs: number | undefined
  readonly exact?: boolean
}): VNode {
  if (atMs === undefined) return html`<span class="muted">–</span>`
  const full = localTime(atMs)
  return html`<time class="nowrap" title=${full}>${exact ? full : fromNow(atMs)}</time>`
}

interface PanelProps {
  readonly title: string
  readonly actions?: Child
  readonly children?: Child
}

export function Panel({ title, actions, children }: PanelProps): VNode {
  return html`<section class="panel" aria-label=${title}>
    <header>
      <h2>${title}</h2>
      ${actions ? html`<div class="actions">${actions}</div>` : null}
    </header>
    ${children}
  </section>`
}

export function Skeleton(): VNode {
  return html`<div class="skeleton" role="status">
    <span class="hidden-text">Loading</span><i></i><i></i><i></i>
  </div>`
}

export function Empty({ title, children }: { readonly title: string; readonly children?: Child }): VNode {
  return html`<div class="state">
    <h3>${title}</h3>
    ${children ? html`<p>${children}</p>` : null}
  </div>`
}

const TITLES: Partial<Record<ApiFailure['code'], string>> = {
  'not-found': 'Not found',
  gone: 'It is not there any more',
  forbidden: 'You may not see this',
  unavailable: 'Redis does not answer',
  offline: 'The server does not answer',
  busy: 'Too many requests at once',
}

export function Failed({
  failure,
  retry,
}: {
  readonly failure: ApiFailure
  readonly retry: () => void
}): VNode {
  return html`<div class="state failed" role="alert">
    <h3>${TITLES[failure.code] ?? 'This could not be read'}</h3>
    <p><${Text} value=${failure.message} most=${400} /></p>
    <button type="button" onClick=${retry}>Try again</button>
  </div>`
}

/** Loading, failure or data. Data that could not be read again stays, with the reason above it. */
export function loaded<T>({ data, failure, reload }: Loaded<T>, draw: (data: T) => Child): VNode {
  if (data === undefined)
    return failure ? html`<${Failed} failure=${failure} retry=${reload} />` : html`<${Skeleton} />`
  return html`${
    failure
      ? html`<div class="body">
          <p class="failure-text" role="alert">
            ${isGone(failure) ? 'This is from before it was gone.' : 'Not up to date.'}
            <${Text} value=${failure.message} most=${300} />
            <button type="button" class="plain" onClick=${reload}>Try again</button>
          </p>
        </div>`
      : null
  }${draw(data)}`
}
