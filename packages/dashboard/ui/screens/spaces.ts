import type { VNode } from 'preact'

import { loaded, Panel, Time } from '../components/basics.ts'
import { Screen } from '../components/screen.ts'
import { Pager, table } from '../components/table.ts'
import { Text } from '../components/text.ts'
import { html } from '../lib/html.ts'
import { useLoad } from '../lib/load.ts'
import { link, type Route } from '../lib/router.ts'
import { pageOf } from './props.ts'

/** All spaces, for servers with more than the overview shows. */
export function Spaces({ query }: Route): VNode {
  const spaces = useLoad('spaces', pageOf(query))
  return html`<${Screen} title="Spaces" crumbs=${[{ text: 'Overview', href: link([]) }]}>
    <${Panel} title="Spaces">
      ${loaded(
        spaces,
        ({ items, next }) =>
          html`${table({
              label: 'Spaces',
              rows: items,
              keyOf: ({ name }) => name,
              columns: [
                {
                  head: 'Space',
                  cell: ({ name }) =>
                    html`<a href=${link(['s', name, 'streams'])}><${Text} value=${name} plain=${true} /></a>`,
                },
                {
                  head: 'Last registration',
                  kind: 'end',
                  cell: ({ seenAtMs }) => html`<${Time} atMs=${seenAtMs} />`,
                },
              ],
            })}<${Pager} shown=${items.length} next=${next} />`,
      )}
    <//>
  <//>`
}
