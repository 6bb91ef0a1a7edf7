import type { VNode } from 'preact'

import type { LimiterAnswer } from '../../../src/api-types.ts'
import { AskButton } from '../../components/actions.ts'
import { Badge, Empty, loaded, Panel } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import { Pager, table } from '../../components/table.ts'
import { Text } from '../../components/text.ts'
import { act } from '../../lib/api.ts'
import { visible } from '../../lib/hostile.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { link } from '../../lib/router.ts'
import { useMayAct } from '../../lib/session.ts'
import { pageOf, type SpaceScreenProps } from '../props.ts'
import { ruleText } from './rules.ts'
import { SubjectForm, SubjectState } from './subject.ts'
import { subjectLink, subjectOf, subjectText } from './subject-text.ts'

/** One limiter: its rules, the state of a subject, and the blocks without an end. */
export function LimiterScreen({ space, rest, query }: SpaceScreenProps): VNode {
  const [limiter = ''] = rest
  const answer = useLoad('limiter', { space, limiter, ...pageOf(query) })
  return html`<${Screen} title=${limiter} crumbs=${[{ text: 'Limits', href: link(['s', space, 'limits']) }]}>
    ${loaded(answer, (data) => {
      const subject = subjectOf(query, data.parts)
      return html`<${Panel} title="Subject">
          <div class="body">
            <${SubjectForm}
              key=${JSON.stringify(subject)}
              space=${space}
              limiter=${limiter}
              parts=${data.parts}
              query=${query}
            />
          </div>
          ${
            subject === undefined
              ? html`<${Empty} title="Whose calls are denied?"
                  >Type a subject to see its rules, blocks and when its next call passes. Looking charges
                  nothing.<//
                >`
              : null
          }
        <//>
        ${
          subject === undefined
            ? null
            : html`<${SubjectState}
                space=${space}
                limiter=${limiter}
                subject=${subject}
                parts=${data.parts}
                after=${answer.reload}
              />`
        }
        ${subject === undefined ? html`<${Rules} answer=${data} />` : null}
        <${Blocks} space=${space} answer=${data} after=${answer.reload} />`
    })}
  <//>`
}

function Rules({ answer: { limiter } }: { readonly answer: LimiterAnswer }): VNode {
  return html`<${Panel} title="Rules">
    ${
      limiter.rules.length === 0
        ? html`<${Empty} title="The rules cannot be read" />`
        : table({
            label: 'Rules',
            rows: limiter.rules,
            keyOf: ({ name }) => name,
            columns: [
              { head: 'Rule', cell: ({ name }) => html`<${Text} value=${name} most=${40} />` },
              { head: 'Allows', cell: ruleText },
              {
                head: 'Counts for',
                cell: ({ per }) =>
                  per === undefined ? 'the subject' : html`each <${Text} value=${per} most=${40} />`,
              },
              {
                head: 'Mode',
                cell: ({ shadow }) =>
                  shadow
                    ? html`<${Badge} tone="info">shadow: only counts<//>`
                    : html`<${Badge} tone="ok">enforced<//>`,
              },
            ],
          })
    }
  <//>`
}

interface BlocksProps {
  readonly space: string
  readonly answer: LimiterAnswer
  readonly after: () => void
}

function Blocks({ space, answer: { limiter, blocks }, after }: BlocksProps): VNode {
  const mayAct = useMayAct()
  const { name } = limiter
  return html`<${Panel} title="Blocks without an end">
    ${
      blocks.items.length === 0
        ? html`<${Empty} title="No subject is blocked forever"
            >Blocks with an end are not listed: look the subject up.<//
          >`
        : html`${table({
              label: 'Blocks without an end',
              rows: blocks.items,
              keyOf: ({ subject }) => JSON.stringify(subject),
              columns: [
                {
                  head: 'Subject',
                  cell: ({ subject }) =>
                    html`<a href=${subjectLink(space, name, subject)}
                      ><${Text} value=${subjectText(subject)} most=${80} plain=${true}
                    /></a>`,
                },
                { head: 'Reason', cell: ({ reason }) => html`<${Text} value=${reason} most=${160} />` },
                mayAct && {
                  head: 'Actions',
                  kind: 'actions',
                  cell: ({ subject, per }) =>
                    html`<${AskButton}
                      label="Unblock"
                      small
                      on=${visible(subjectText(subject), 60)}
                      question=${() => ({
                        title: 'Unblock this subject?',
                        body: html`The rules of the limiter decide again about
                          <${Text} value=${subjectText(subject)} most=${80} plain=${true} />.`,
                        confirm: 'Unblock',
                        act: () =>
                          act('limiter.unblock', {
                            space,
                            limiter: name,
                            subject,
                            ...(per === undefined ? {} : { per }),
                          }),
                        after,
                      })}
                    />`,
                },
              ],
            })}<${Pager} shown=${blocks.items.length} next=${blocks.next} />`
    }
  <//>`
}
