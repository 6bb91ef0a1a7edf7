import type { VNode } from 'preact'

import { Empty, loaded, Panel, Time } from '../components/basics.ts'
import { Screen } from '../components/screen.ts'
import { State } from '../components/states.ts'
import { Pager, table } from '../components/table.ts'
import { Text } from '../components/text.ts'
import { html } from '../lib/html.ts'
import { useLoad } from '../lib/load.ts'
import type { Route } from '../lib/router.ts'
import { useSession } from '../lib/session.ts'
import { pageOf } from './props.ts'

/** Who did what. */
export function Audit({ query }: Route): VNode {
  const audit = useLoad('audit', pageOf(query))
  const { audit: place } = useSession()
  return html`<${Screen}
    title="Audit"
    sub=${html`Every action of this dashboard, also refused ones. Kept in the stream
      <code>${place.stream}</code> of the space <code>${place.space}</code>.`}
  >
    <${Panel} title="Actions">
      ${loaded(audit, ({ items, next }) =>
        items.length === 0 && next === undefined
          ? html`<${Empty} title="Nobody acted yet"
              >Each action appears here with its user and its outcome.<//
            >`
          : html`${table({
                label: 'Actions',
                rows: items,
                keyOf: ({ id }) => id,
                columns: [
                  { head: 'Time', cell: ({ atMs }) => html`<${Time} atMs=${atMs} exact=${true} />` },
                  { head: 'User', cell: ({ user }) => html`<${Text} value=${user} most=${40} />` },
                  {
                    head: 'Action',
                    cell: ({ action }) =>
                      html`<code class="nowrap"><${Text} value=${action} most=${40} /></code>`,
                  },
                  { head: 'Target', cell: ({ target }) => html`<${Text} value=${target} most=${80} />` },
                  { head: 'Outcome', cell: ({ outcome }) => html`<${State} of=${outcome} />` },
                  {
                    head: 'Details',
                    cell: ({ text }) =>
                      text === undefined ? '–' : html`<${Text} value=${text} most=${160} />`,
                  },
                ],
              })}<${Pager} shown=${items.length} next=${next} />`,
      )}
    <//>
  <//>`
}
