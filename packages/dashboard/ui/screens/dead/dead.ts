import type { VNode } from 'preact'

import type { SpaceTotals } from '../../../src/api-types.ts'
import { Count, Empty, Panel, Skeleton } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import { table } from '../../components/table.ts'
import { Text } from '../../components/text.ts'
import { plural } from '../../lib/format.ts'
import { html } from '../../lib/html.ts'
import { totalsOf, useLive } from '../../lib/live.ts'
import { link } from '../../lib/router.ts'
import type { SpaceScreenProps } from '../props.ts'
import { Errors } from './errors.ts'
import { Letter } from './letter.ts'
import { Letters } from './letters.ts'

/** `dead`, `dead/<stream>/<group>`, `…/letters`, `…/letters/<position>` */
export function DeadScreen(props: SpaceScreenProps): VNode {
  const { space, rest } = props
  const [stream, group, letters, position] = rest
  if (stream === undefined || group === undefined) return html`<${Groups} space=${space} />`
  const of = { space, stream, group }
  if (letters === undefined) return html`<${Errors} ...${of} />`
  if (position === undefined) return html`<${Letters} ...${of} query=${props.query} />`
  return html`<${Letter} ...${of} position=${position} />`
}

/** The groups with dead letters. */
function Groups({ space }: { readonly space: string }): VNode {
  const { overview } = useLive()
  return html`<${Screen}
    title="Dead letters"
    sub="Entries that a group gave up on. They stay until somebody requeues or purges them."
  >
    <${Panel} title="Groups with dead letters">
      ${overview === undefined ? html`<${Skeleton} />` : html`<${GroupTable} space=${space} totals=${totalsOf(overview, space)} />`}
    <//>
  <//>`
}

interface GroupTableProps {
  readonly space: string
  readonly totals: SpaceTotals | undefined
}

function GroupTable({ space, totals }: GroupTableProps): VNode {
  const groups = (totals?.attention ?? []).filter(({ dead }) => dead > 0).toSorted((a, b) => b.dead - a.dead)
  if (totals === undefined) return html`<${Empty} title="Nothing is known of this space now" />`
  if (totals.dead === 0)
    return html`<${Empty} title="No dead letters">Every entry was handled, or still has attempts.<//>`
  const shown = groups.reduce((sum, { dead }) => sum + dead, 0)
  return html`${table({
    label: 'Groups with dead letters',
    rows: groups,
    keyOf: ({ stream, name }) => `${stream} ${name}`,
    columns: [
      {
        head: 'Stream',
        cell: ({ stream, name }) =>
          html`<a href=${link(['s', space, 'dead', stream, name])}
            ><${Text} value=${stream} most=${60} plain=${true}
          /></a>`,
      },
      { head: 'Group', cell: ({ name }) => html`<${Text} value=${name} most=${40} />` },
      { head: 'Dead letters', kind: 'end', cell: ({ dead }) => html`<${Count} value=${dead} tone="bad" />` },
      { head: 'Waiting', kind: 'end', cell: ({ waiting }) => html`<${Count} value=${waiting} />` },
    ],
  })}
  ${
    shown < totals.dead
      ? html`<footer>${plural(totals.dead - shown, 'more letter')} in other groups: open the streams</footer>`
      : null
  }`
}
