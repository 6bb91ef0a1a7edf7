import type { VNode } from 'preact'

import { Count, Empty, loaded, Time } from '../../components/basics.ts'
import { State } from '../../components/states.ts'
import { Pager, table } from '../../components/table.ts'
import { DataLine } from '../../components/text.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import type { Route } from '../../lib/router.ts'
import { pageOf } from '../props.ts'

interface TaggedProps {
  readonly space: string
  readonly stream: string
  readonly tags: string
  readonly query: Route['query']
  readonly to: (id: string) => string
}

/** The entries with all of some tags, wherever they are. */
export function Tagged({ space, stream, tags, query, to }: TaggedProps): VNode {
  const found = useLoad('tagged', { space, stream, tags, ...pageOf(query) })
  return html`${loaded(found, ({ items, next }) =>
    items.length === 0 && next === undefined
      ? html`<${Empty} title="No entry with these tags"
          >Tags are kept for the newest entries only. Several tags, such as <code>user=ann order=17</code>,
          find entries that have all of them.<//
        >`
      : html`${table({
            label: 'Entries with these tags',
            rows: items,
            keyOf: ({ id }) => id,
            columns: [
              { head: 'Id', cell: ({ id }) => html`<a class="mono nowrap" href=${to(id)}>${id}</a>` },
              { head: 'State', cell: ({ state }) => html`<${State} of=${state} />` },
              { head: 'Added', cell: ({ addedAtMs }) => html`<${Time} atMs=${addedAtMs} />` },
              { head: 'Attempts', kind: 'end', cell: ({ attempts }) => html`<${Count} value=${attempts} />` },
              { head: 'Payload', cell: ({ payload }) => html`<${DataLine} data=${payload} />` },
            ],
          })}<${Pager} shown=${items.length} next=${next} />`,
  )}`
}
