import type { VNode } from 'preact'

import type { ObjectRow } from '../../src/api-types.ts'
import { Empty, loaded, Panel, Time } from '../components/basics.ts'
import { Pager, table } from '../components/table.ts'
import { Text } from '../components/text.ts'
import { html } from '../lib/html.ts'
import { useLoad } from '../lib/load.ts'
import { link } from '../lib/router.ts'
import { pageOf, type SpaceScreenProps } from './props.ts'

interface ObjectsProps extends Pick<SpaceScreenProps, 'space' | 'query'> {
  readonly read: 'boards' | 'notifiers' | 'locks'
  readonly section: string
  readonly title: string
  readonly head: string
  /** Shown when there are none. */
  readonly empty: string
}

/** The registered objects of one feature, each with a link to its screen. */
export function Objects({ space, query, read, section, title, head, empty }: ObjectsProps): VNode {
  const objects = useLoad(read, { space, ...pageOf(query) })
  return html`<${Panel} title=${title}>
    ${loaded(objects, ({ items, next }) =>
      items.length === 0 && next === undefined
        ? html`<${Empty} title=${empty}
            >A process registers its objects five seconds after it created them.<//
          >`
        : html`${table<ObjectRow>({
              label: title,
              rows: items,
              keyOf: ({ name }) => name,
              columns: [
                {
                  head,
                  cell: ({ name }) =>
                    html`<a href=${link(['s', space, section, name])}
                      ><${Text} value=${name} most=${60} plain=${true}
                    /></a>`,
                },
                { head: 'Options', cell: ({ options }) => html`<${Options} of=${options} />` },
                {
                  head: 'Registered',
                  kind: 'end',
                  cell: ({ seenAtMs }) => html`<${Time} atMs=${seenAtMs} />`,
                },
              ],
            })}<${Pager} shown=${items.length} next=${next} />`,
    )}
  <//>`
}

function Options({ of }: { readonly of: unknown }): VNode {
  if (of === undefined) return html`<span class="muted">–</span>`
  return html`<code class="muted"><${Text} value=${JSON.stringify(of)} most=${120} /></code>`
}
