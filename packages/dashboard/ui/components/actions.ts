import type { VNode } from 'preact'
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'

import type { ActionAnswer } from '../../src/api-types.ts'
import { type Actions, ActionsProvider, type Question, useActions } from '../lib/actions.ts'
import { failureOf } from '../lib/api.ts'
import { type Child, html } from '../lib/html.ts'
import { useMayAct } from '../lib/session.ts'
import { QuestionDialog } from './question.ts'
import { Text } from './text.ts'

interface Result {
  readonly id: number
  readonly text: string
  readonly failed: boolean
}

/** A failure stays until it is closed. */
const SHOWN_MS = 8000
const MOST_RESULTS = 4

/** Gives the components below it actions, and shows the dialog and the results. */
export function ActionsArea({ children }: { readonly children?: Child }): VNode {
  const [question, setQuestion] = useState<Question>()
  const [results, setResults] = useState<readonly Result[]>([])
  const last = useRef(0)
  // A question is about the screen that asked it.
  useEffect(() => {
    const close = (): void => setQuestion(undefined)
    addEventListener('hashchange', close)
    return () => removeEventListener('hashchange', close)
  }, [])
  const close = useCallback((id: number) => setResults((before) => before.filter((one) => one.id !== id)), [])
  const show = useCallback((text: string, failed: boolean) => {
    const id = ++last.current
    setResults((before) => [...before.slice(1 - MOST_RESULTS), { id, text, failed }])
    if (!failed) setTimeout(close, SHOWN_MS, id)
  }, [])
  const showAnswer = useCallback(({ text, changed }: ActionAnswer) => show(text, !changed), [])
  const actions = useMemo<Actions>(
    () => ({
      ask: setQuestion,
      run: (act, after) =>
        void act()
          .then(showAnswer, (error: unknown) => show(failureOf(error).message, true))
          .then(after),
    }),
    [],
  )
  return html`<${ActionsProvider} value=${actions}>
    ${children}
    ${
      question
        ? html`<${QuestionDialog}
            question=${question}
            onClose=${() => setQuestion(undefined)}
            onDone=${(answer: ActionAnswer) => {
              setQuestion(undefined)
              showAnswer(answer)
            }}
          />`
        : null
    }
    <div class="results" role="status" aria-live="polite">
      ${results.map(
        ({ id, text, failed }) =>
          html`<div class=${failed ? 'result bad' : 'result'} key=${id}>
            <span><${Text} value=${text} most=${300} /></span>
            <button type="button" class="plain" aria-label="Close this message" onClick=${() => close(id)}>
              ✕
            </button>
          </div>`,
      )}
    </div>
  <//>`
}

interface ButtonProps {
  readonly label: string
  /** What the button acts on, for screen readers: a page has many buttons with the same label. */
  readonly on?: string
  readonly danger?: boolean
  readonly small?: boolean
}

function classOf({ danger = false, small = false }: ButtonProps): string {
  return [danger ? 'danger' : '', small ? 'small' : ''].join(' ').trim()
}

/** A button that asks first. Only for users who may act. */
export function AskButton(props: ButtonProps & { readonly question: () => Question }): VNode | null {
  const { ask } = useActions()
  if (!useMayAct()) return null
  const { label, on, question } = props
  return html`<button
    type="button"
    class=${classOf(props)}
    aria-label=${on === undefined ? undefined : `${label}: ${on}`}
    onClick=${() => ask(question())}
  >
    ${label}
  </button>`
}

interface RunButtonProps extends ButtonProps {
  readonly act: () => Promise<ActionAnswer>
  readonly after: () => void
}

/** A button that acts at once. Only for users who may act. */
export function RunButton(props: RunButtonProps): VNode | null {
  const { run } = useActions()
  const [busy, setBusy] = useState(false)
  // A double click comes before the button is drawn as disabled.
  const running = useRef(false)
  if (!useMayAct()) return null
  const { label, on, act, after } = props
  return html`<button
    type="button"
    class=${classOf(props)}
    disabled=${busy}
    aria-label=${on === undefined ? undefined : `${label}: ${on}`}
    onClick=${() => {
      if (running.current) return
      running.current = true
      setBusy(true)
      run(act, () => {
        running.current = false
        setBusy(false)
        after()
      })
    }}
  >
    ${label}
  </button>`
}
