import type { VNode } from 'preact'

import { Screen } from '../../components/screen.ts'
import { html } from '../../lib/html.ts'
import { Objects } from '../objects.ts'
import type { SpaceScreenProps } from '../props.ts'
import { Board } from './board.ts'
import { Member } from './member.ts'

/** `boards`, `boards/<board>`, `boards/<board>/members/<member>` */
export function BoardsScreen({ space, rest, query }: SpaceScreenProps): VNode {
  const [board, , member] = rest
  if (board !== undefined && member !== undefined)
    return html`<${Member} space=${space} board=${board} member=${member} />`
  if (board !== undefined) return html`<${Board} space=${space} board=${board} query=${query} />`
  return html`<${Screen} title="Boards" sub="Leaderboards">
    <${Objects}
      space=${space}
      query=${query}
      read="boards"
      section="boards"
      title="Boards"
      head="Board"
      empty="No board in this space"
    />
  <//>`
}
