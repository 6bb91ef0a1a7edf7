import type { VNode } from 'preact'

import { html } from '../lib/html.ts'
import { Badge, type Tone } from './basics.ts'

const TONES: Readonly<Record<string, Tone>> = {
  ok: 'ok',
  paused: 'warn',
  'no-worker': 'bad',
  'dead-letters': 'warn',
  behind: 'warn',
  waiting: 'info',
  queued: 'info',
  delayed: '',
  retrying: 'warn',
  running: 'info',
  dead: 'bad',
  done: 'ok',
  cancelled: '',
  gone: '',
  stored: 'info',
  unknown: 'warn',
  problem: 'bad',
  warning: 'warn',
  failed: 'bad',
  refused: 'warn',
  nothing: '',
  started: 'warn',
  held: 'warn',
  offered: 'info',
  free: 'ok',
}

/** A state by word and colour: of a group, an entry, a check, a lock or an action. */
export function State({ of }: { readonly of: string }): VNode {
  return html`<${Badge} tone=${TONES[of] ?? ''}>${of.replace('-', ' ')}<//>`
}

export function toneOf(state: string): Tone {
  return TONES[state] ?? ''
}
