import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import type { ActionAnswer } from '../../src/api-types.ts'
import type { Field, Question, Values } from '../lib/actions.ts'
import { failureOf } from '../lib/api.ts'
import { html } from '../lib/html.ts'
import { Dialog } from './dialog.ts'
import { Text } from './text.ts'

interface QuestionProps {
  readonly question: Question
  readonly onClose: () => void
  readonly onDone: (answer: ActionAnswer) => void
}

/** Asks before an action: with inputs, and with what a dry run found. Shows why it failed. */
export function QuestionDialog({ question, onClose, onDone }: QuestionProps): VNode {
  const { title, body, fields = [], confirm, danger = false, dryRun, act, after } = question
  const [values, setValues] = useState<Values>(() =>
    Object.fromEntries(fields.map(({ name, value = '' }) => [name, value])),
  )
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string>()
  const [wrong, setWrong] = useState<string>()
  const [found, setFound] = useState<{ readonly text: string; readonly nothing: boolean }>()
  useEffect(() => {
    dryRun?.().then(setFound, (error: unknown) => setFailure(failureOf(error).message))
  }, [])

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const missing = fields.find((field) => problemOf(field, values[field.name] ?? '') !== undefined)
    setWrong(missing?.name)
    if (missing) {
      document.getElementById(`ask-${missing.name}`)?.focus()
      return
    }
    setBusy(true)
    setFailure(undefined)
    try {
      onDone(await act(values))
    } catch (error) {
      setFailure(failureOf(error).message)
    }
    setBusy(false)
    after()
  }

  const waits = dryRun !== undefined && (found === undefined || found.nothing)
  return html`<${Dialog} label=${title} onClose=${onClose}>
    <form method="dialog" novalidate onSubmit=${submit}>
      <h2>${title}</h2>
      ${body ? html`<p>${body}</p>` : null}
      ${
        dryRun && !failure
          ? html`<p class="notice" role="status">${found ? found.text : 'Counting …'}</p>`
          : null
      }
      ${fields.map(
        (field) =>
          html`<${Input}
            field=${field}
            value=${values[field.name] ?? ''}
            problem=${wrong === field.name ? problemOf(field, values[field.name] ?? '') : undefined}
            onInput=${(value: string) => setValues({ ...values, [field.name]: value })}
          />`,
      )}
      ${
        failure === undefined
          ? null
          : html`<p class="failure-text" role="alert"><${Text} value=${failure} most=${600} /></p>`
      }
      <div class="buttons">
        <button type="button" autofocus=${fields.length === 0} onClick=${onClose}>Cancel</button>
        <button type="submit" class=${danger ? 'primary danger' : 'primary'} disabled=${busy || waits}>
          ${busy ? 'Working …' : confirm}
        </button>
      </div>
    </form>
  <//>`
}

function problemOf({ kind, required = true }: Field, value: string): string | undefined {
  if (value.trim() === '') return required ? 'Fill this in.' : undefined
  if (kind === 'time' && Number.isNaN(Date.parse(value))) return 'Give a date and a time.'
  if (kind === 'json') {
    try {
      JSON.parse(value)
    } catch (error) {
      return `This is not JSON: ${(error as Error).message}`
    }
  }
  return undefined
}

interface InputProps {
  readonly field: Field
  readonly value: string
  readonly problem: string | undefined
  readonly onInput: (value: string) => void
}

function Input({ field: { name, label, hint, kind = 'text' }, value, problem, onInput }: InputProps): VNode {
  const id = `ask-${name}`
  const described = [hint ? `${id}-hint` : '', problem ? `${id}-problem` : ''].filter(Boolean).join(' ')
  const common = {
    id,
    value,
    'aria-invalid': problem ? 'true' : undefined,
    'aria-describedby': described || undefined,
    onInput: ({ target }: Event) => onInput((target as HTMLInputElement).value),
  }
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${
      kind === 'long' || kind === 'json'
        ? html`<textarea ...${common} spellcheck="false"></textarea>`
        : html`<input
            ...${common}
            type=${kind === 'time' ? 'datetime-local' : 'text'}
            step="1"
            autocomplete="off"
          />`
    }
    ${hint ? html`<span class="hint" id=${`${id}-hint`}>${hint}</span>` : null}
    ${problem ? html`<span class="failure-text" id=${`${id}-problem`} role="alert">${problem}</span>` : null}
  </div>`
}
