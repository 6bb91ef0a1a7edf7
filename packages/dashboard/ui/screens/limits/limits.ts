import type { VNode } from 'preact'

import type { DeniedAnswer } from '../../../src/api-types.ts'
import { Badge, Empty, loaded, Panel, Time } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import { Pager, table } from '../../components/table.ts'
import { Text } from '../../components/text.ts'
import { count, duration } from '../../lib/format.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { link } from '../../lib/router.ts'
import { pageOf, type SpaceScreenProps } from '../props.ts'
import { LimiterScreen } from './limiter.ts'
import { ruleText } from './rules.ts'
import { isHashed, subjectLink, subjectText } from './subject-text.ts'

export function LimitsScreen(props: SpaceScreenProps): VNode {
  return props.rest[0] === undefined
    ? html`<${Limits} ...${props} />`
    : html`<${LimiterScreen} ...${props} />`
}

/** The limiters of a space, and who is denied most. */
function Limits({ space, query }: SpaceScreenProps): VNode {
  const limiters = useLoad('limiters', { space, ...pageOf(query) })
  const denied = useLoad('denied', { space })
  return html`<${Screen} title="Limits" sub="Rate limiters and their rules">
    <${Panel} title="Limiters">
      ${loaded(limiters, ({ items, next }) =>
        items.length === 0 && next === undefined
          ? html`<${Empty} title="No limiter in this space"
              >A process registers its limiters five seconds after <code>createRateLimiter</code>.<//
            >`
          : html`${table({
                label: 'Limiters',
                rows: items,
                keyOf: ({ name }) => name,
                columns: [
                  {
                    head: 'Limiter',
                    cell: ({ name }) =>
                      html`<a href=${link(['s', space, 'limits', name])}
                        ><${Text} value=${name} most=${60} plain=${true}
                      /></a>`,
                  },
                  {
                    head: 'Rules',
                    cell: ({ rules }) =>
                      html`<ul>
                        ${rules.map(
                          (rule) =>
                            html`<li>
                              <${Text} value=${rule.name} most=${40} />: ${ruleText(rule)}
                              ${rule.shadow ? html` <${Badge} tone="info">shadow<//>` : null}
                            </li>`,
                        )}
                      </ul>`,
                  },
                  {
                    head: 'Registered',
                    kind: 'end',
                    cell: ({ seenAtMs }) => html`<${Time} atMs=${seenAtMs} />`,
                  },
                ],
              })}<${Pager} shown=${items.length} next=${next} />`,
      )}
    <//>
    <${Panel} title="Most denied subjects"
      >${loaded(denied, (answer) => html`<${Denied} space=${space} answer=${answer} />`)}<//
    >
  <//>`
}

/** The most denied subjects of the last minutes. */
export function Denied({
  space,
  answer: { items, overMs },
}: {
  readonly space: string
  readonly answer: DeniedAnswer
}): VNode {
  const scope = `Denials of all processes in the last ${duration(overMs)}, sent every ten seconds.`
  if (items.length === 0) {
    return html`<${Empty} title="No subject was denied">${scope}<//>`
  }
  return html`${table({
      label: 'Most denied subjects',
      rows: items,
      keyOf: ({ limiter, subject, rule }) => JSON.stringify([limiter, rule, subject]),
      columns: [
        {
          head: 'Subject',
          cell: ({ limiter, subject }) => {
            const text = html`<${Text} value=${subjectText(subject)} most=${60} plain=${true} />`
            return isHashed(subject)
              ? text
              : html`<a href=${subjectLink(space, limiter, subject)}>${text}</a>`
          },
        },
        { head: 'Limiter', cell: ({ limiter }) => html`<${Text} value=${limiter} most=${40} />` },
        {
          head: 'Rule',
          cell: ({ rule }) =>
            rule === undefined
              ? html`<${Badge} tone="bad">blocked<//>`
              : html`<${Text} value=${rule} most=${40} />`,
        },
        {
          head: 'Denied',
          kind: 'end',
          cell: (row) =>
            html`<strong>${count(row.count)}</strong>${
                row.atMostMissing > 0
                  ? html` <span class="muted">(up to ${count(row.atMostMissing)} more)</span>`
                  : null
              }`,
        },
        { head: 'Last', kind: 'end', cell: ({ lastAtMs }) => html`<${Time} atMs=${lastAtMs} />` },
      ],
    })}
    <footer>${scope}</footer>`
}
