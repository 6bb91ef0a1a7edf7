import type { LimiterRuleState, LimiterShadowState, LimiterSubject } from '@penknife/core'
import type { VNode } from 'preact'

import type { SubjectAnswer } from '../../../src/api-types.ts'
import { AskButton } from '../../components/actions.ts'
import { Badge, loaded, Panel } from '../../components/basics.ts'
import { table } from '../../components/table.ts'
import { Text } from '../../components/text.ts'
import type { Values } from '../../lib/actions.ts'
import { act, subjectQuery } from '../../lib/api.ts'
import { count, duration } from '../../lib/format.ts'
import { submitted } from '../../lib/form.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { go, type Route } from '../../lib/router.ts'
import { ruleText } from './rules.ts'
import { subjectLink, subjectText } from './subject-text.ts'

interface SubjectFormProps {
  readonly space: string
  readonly limiter: string
  readonly parts: readonly string[]
  readonly query: Route['query']
}

/** Asks for a subject: one text, or a text for each part. */
export function SubjectForm({ space, limiter, parts, query }: SubjectFormProps): VNode {
  const inputs = parts.length === 0 ? ['subject'] : parts.map((part) => `part.${part}`)
  function look(event: SubmitEvent): void {
    const text = (name: string): string => submitted(event, name)
    if (parts.length === 0) {
      if (text('subject') !== '') go(subjectLink(space, limiter, text('subject')))
      return
    }
    const given = parts
      .map((part) => [part, text(`part.${part}`)] as const)
      .filter(([, value]) => value !== '')
    if (given.length > 0) go(subjectLink(space, limiter, Object.fromEntries(given)))
  }
  return html`<form class="field-row" onSubmit=${look}>
    ${inputs.map(
      (name, at) =>
        html`<div class="field">
          <label for=${`look-${at}`}>${name === 'subject' ? 'Subject' : name.slice(5)}</label>
          <input id=${`look-${at}`} name=${name} value=${query[name] ?? ''} data-search autocomplete="off" />
        </div>`,
    )}
    <button type="submit" class="primary">Look up</button>
  </form>`
}

interface SubjectStateProps {
  readonly space: string
  readonly limiter: string
  readonly subject: LimiterSubject
  readonly parts: readonly string[]
  readonly after: () => void
}

/** Whether a call of the subject would pass now, and why not. */
export function SubjectState(props: SubjectStateProps): VNode {
  const { space, limiter, subject, after } = props
  const state = useLoad('subject', { space, limiter, ...subjectQuery(subject) })
  const changed = (): void => {
    state.reload()
    after()
  }
  return html`<${Panel}
    title="State of the subject"
    actions=${html`<${SubjectActions} ...${props} state=${state.data} after=${changed} />`}
  >
    ${loaded(state, (data) => html`<${Verdict} state=${data} />${data.blocked ? html`<div class="body muted">The rules are not checked while it is blocked.</div>` : html`<${RuleStates} rules=${data.rules} shadow=${data.shadow} />`}`)}
  <//>`
}

function Verdict({
  state: { allowed, reason, text, changesInMs },
}: {
  readonly state: SubjectAnswer
}): VNode {
  return html`<div class="body">
    <p>
      ${allowed ? html`<${Badge} tone="ok">allowed<//>` : html`<${Badge} tone="bad">${reason === 'rule' ? 'denied' : (reason ?? 'denied')}<//>`}
      <${Text} value=${text} most=${500} />
    </p>
    ${allowed ? null : html`<p class="muted">The same call passes ${whenText(changesInMs)}.</p>`}
  </div>`
}

/** Infinity is null in JSON. */
function whenText(ms: number | null): string {
  return ms === null || ms === Infinity ? 'never by itself' : `in ${duration(ms)}`
}

interface RuleStatesProps {
  readonly rules: readonly LimiterRuleState[]
  readonly shadow: readonly LimiterShadowState[]
}

/** The numbers of each rule; those of shadow rules beside the decision that they would have made. */
function RuleStates({ rules, shadow }: RuleStatesProps): VNode {
  const rows = [
    ...rules.map((rule) => ({
      ...rule,
      mode: rule.remaining > 0 ? ('passes' as const) : ('denies' as const),
      shadow: false,
    })),
    ...shadow.map((rule) => ({
      ...rule,
      mode: rule.allowed ? ('passes' as const) : ('denies' as const),
      shadow: true,
    })),
  ]
  return table({
    label: 'State of each rule',
    rows,
    keyOf: ({ name }) => name,
    columns: [
      {
        head: 'Rule',
        cell: ({ name, shadow: only }) =>
          html`<${Text} value=${name} most=${40} />${only ? html` <${Badge} tone="info">shadow<//>` : null}`,
      },
      { head: 'Allows', cell: ruleText },
      {
        head: 'Left',
        kind: 'end',
        cell: ({ remaining, burst }) =>
          html`${count(remaining)} of ${count(burst)}<${Meter}
              used=${burst > 0 ? 1 - Math.max(0, remaining) / burst : 1}
            />`,
      },
      {
        head: 'Now',
        cell: ({ mode, shadow: only }) =>
          html`<${Badge} tone=${mode === 'passes' ? 'ok' : only ? 'warn' : 'bad'}
            >${only && mode === 'denies' ? 'would deny' : mode}<//
          >`,
      },
      { head: 'One more', kind: 'end', cell: ({ nextMs }) => (nextMs === 0 ? '–' : duration(nextMs)) },
      {
        head: 'Full again',
        kind: 'end',
        cell: ({ resetMs }) => (resetMs === 0 ? 'full' : duration(resetMs)),
      },
    ],
  })
}

/** How much of a rule is used, from 0 to 1. */
function Meter({ used }: { readonly used: number }): VNode {
  return html`<svg
    class=${used >= 1 ? 'meter full' : 'meter'}
    viewBox="0 0 100 6"
    preserveAspectRatio="none"
    aria-hidden="true"
    focusable="false"
  >
    <rect width=${Math.min(100, Math.max(0, used * 100))} height="6" />
  </svg>`
}

interface SubjectActionsProps extends SubjectStateProps {
  readonly state: SubjectAnswer | undefined
}

function SubjectActions({ space, limiter, subject, parts, state, after }: SubjectActionsProps): VNode {
  const of = { space, limiter, subject }
  const name = subjectText(subject)
  // An object has several parts, and a block is for one of them or for the whole.
  const per =
    parts.length === 0
      ? []
      : [
          {
            name: 'per',
            label: 'Only this part',
            hint: `One of: ${parts.join(', ')}. Empty: the whole subject.`,
            required: false,
          },
        ]
  const part = ({ per: chosen = '' }: Values): { readonly per?: string } =>
    chosen.trim() === '' ? {} : { per: chosen.trim() }
  const blocked = state?.blocked !== undefined
  return html`${
      blocked
        ? html`<${AskButton}
            label="Unblock"
            question=${() => ({
              title: 'Unblock this subject?',
              body: html`The block or ban of <${Text} value=${name} most=${80} plain=${true} /> ends. The
                rules decide again.`,
              fields: per,
              confirm: 'Unblock',
              act: (values: Values) => act('limiter.unblock', { ...of, ...part(values) }),
              after,
            })}
          />`
        : html`<${AskButton}
            label="Block"
            danger
            question=${() => ({
              title: 'Block this subject?',
              body: html`Every call of <${Text} value=${name} most=${80} plain=${true} /> is denied until the
                block ends.`,
              fields: [
                {
                  name: 'duration',
                  label: 'For how long',
                  value: '1h',
                  hint: 'Such as 30s, 15m, 1h, 7d, or forever.',
                },
                { name: 'reason', label: 'Reason', hint: 'The limiter shows it with each denial.' },
                ...per,
              ],
              confirm: 'Block',
              danger: true,
              act: (values: Values) =>
                act('limiter.block', {
                  ...of,
                  ...part(values),
                  duration: (values['duration'] ?? '').trim(),
                  reason: values['reason'] ?? '',
                }),
              after,
            })}
          />`
    }
    <${AskButton}
      label="Reset"
      question=${() => ({
        title: 'Give the full quota back?',
        body: html`Every rule of <${Text} value=${name} most=${80} plain=${true} /> starts anew.`,
        fields: per,
        confirm: 'Reset',
        act: (values: Values) => act('limiter.reset', { ...of, ...part(values) }),
        after,
      })}
    />`
}
