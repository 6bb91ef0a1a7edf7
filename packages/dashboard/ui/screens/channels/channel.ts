import type { VNode } from 'preact'

import { AskButton } from '../../components/actions.ts'
import { Empty, loaded, Panel } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import { Pager, table } from '../../components/table.ts'
import { DataLine, Text } from '../../components/text.ts'
import type { Values } from '../../lib/actions.ts'
import { act } from '../../lib/api.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { link, type Route } from '../../lib/router.ts'
import { pageOf } from '../props.ts'

interface ChannelProps {
  readonly space: string
  readonly notifier: string
  readonly channel: string
  readonly query: Route['query']
}

/** The history of a channel. */
export function Channel({ space, notifier, channel, query }: ChannelProps): VNode {
  const of = { space, notifier, channel }
  const history = useLoad('channel', { ...of, ...pageOf(query) })
  const after = history.reload
  return html`<${Screen}
    title=${channel}
    crumbs=${[
      { text: 'Channels', href: link(['s', space, 'channels']) },
      { text: notifier, href: link(['s', space, 'channels', notifier]) },
    ]}
    sub=${history.data ? html`The history ends at <code><${Text} value=${history.data.end} most=${60} /></code>` : null}
    actions=${html`<${AskButton}
        label="Publish an event"
        question=${() => ({
          title: 'Publish an event to this channel?',
          body: 'Every client that follows the channel gets it.',
          fields: [
            { name: 'type', label: 'Type', value: 'message' },
            { name: 'json', label: 'Data as JSON', kind: 'json', value: '{ "test": true }' },
          ],
          confirm: 'Publish',
          act: ({ type = '', json = '' }: Values) => act('channel.publish', { ...of, type, json }),
          after,
        })}
      />
      <${AskButton}
        label="Clear history"
        danger
        question=${() => ({
          title: 'Delete the history of this channel?',
          body: 'Clients that reconnect cannot catch up. They get a reset, and read their data anew. Nobody can undo this.',
          confirm: 'Delete history',
          danger: true,
          act: () => act('channel.clear', of),
          after,
        })}
      />`}
  >
    <${Panel} title="History">
      ${loaded(
        history,
        ({ items, next, lost }) =>
          html`${lost ? html`<div class="body"><p class="notice">The events after this position are gone. These are the oldest that are left.</p></div>` : null}
          ${
            items.length === 0
              ? html`<${Empty} title="No event in the history"
                  >Nothing was published, or the history expired or was cleared.<//
                >`
              : html`${table({
                    label: 'Events',
                    rows: items,
                    keyOf: ({ id }) => id,
                    columns: [
                      {
                        head: 'Position',
                        cell: ({ id }) => html`<code><${Text} value=${id} most=${60} /></code>`,
                      },
                      { head: 'Type', cell: ({ type }) => html`<${Text} value=${type} most=${40} />` },
                      { head: 'Data', cell: ({ data }) => html`<${DataLine} data=${data} />` },
                    ],
                  })}<${Pager} shown=${items.length} next=${next} />`
          }`,
      )}
    <//>
  <//>`
}
