import type { VNode } from 'preact'

import { Panel, type Tone } from '../../components/basics.ts'
import { Text } from '../../components/text.ts'
import { duration, plural } from '../../lib/format.ts'
import { type Child, html } from '../../lib/html.ts'
import type { NumberedEvent } from '../../lib/live-stream.ts'
import { link } from '../../lib/router.ts'

type WatchEvent = NumberedEvent['event']

interface FeedProps {
  readonly space: string
  readonly stream: string
  readonly events: readonly NumberedEvent[]
}

const MOST = 12

/** What workers report now. */
export function Feed({ space, stream, events }: FeedProps): VNode {
  return html`<${Panel} title="What workers report">
    ${
      events.length === 0
        ? html`<div class="state"><p>Events of workers appear here while you look.</p></div>`
        : html`<ol class="timeline">
            ${events.slice(0, MOST).map(
              ({ number, event }) =>
                html`<li class=${toneOf(event)} key=${number}>
                  <div>${textOf(space, stream, event)}</div>
                </li>`,
            )}
          </ol>`
    }
  <//>`
}

function toneOf({ kind }: WatchEvent): Tone {
  if (kind === 'done') return 'ok'
  if (kind === 'failed' || kind === 'dead') return 'bad'
  return kind === 'retrying' || kind === 'interrupted' || kind === 'skipped' ? 'warn' : ''
}

function textOf(space: string, stream: string, event: WatchEvent): Child {
  if (event.kind === 'watching') return 'Following the workers'
  if (event.kind === 'interrupted') return 'The connection broke; events are missing'
  if (event.kind === 'skipped') return `${plural(event.events, 'event')} left out`
  const id = 'id' in event && typeof event.id === 'string' ? event.id : undefined
  const entry =
    id === undefined
      ? null
      : html` <a class="mono" href=${link(['s', space, 'streams', stream, 'entries', id])}>${id}</a>`
  const took = 'runMs' in event && typeof event.runMs === 'number' ? ` after ${duration(event.runMs)}` : ''
  const error = 'error' in event ? html`: <${Text} value=${event.error} most=${160} plain=${true} />` : null
  return html`<strong>${event.kind.replaceAll('-', ' ')}</strong>${entry}${took}${error}`
}
