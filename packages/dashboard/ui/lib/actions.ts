import { createContext } from 'preact'
import { useContext } from 'preact/hooks'

import type { ActionAnswer } from '../../src/api-types.ts'
import type { Child } from './html.ts'

/** An input of a dialog. */
export interface Field {
  readonly name: string
  readonly label: string
  readonly value?: string
  readonly hint?: string
  /** Default: 'text'. */
  readonly kind?: 'text' | 'long' | 'time' | 'json'
  /** Default: true. */
  readonly required?: boolean
}

export type Values = Readonly<Record<string, string>>

/** A question before an action. */
export interface Question {
  readonly title: string
  readonly body?: Child
  readonly fields?: readonly Field[]
  /** The label of the button that acts. */
  readonly confirm: string
  /** Whether it destroys something. */
  readonly danger?: boolean
  /** Finds out what would be done. It is shown before the user can confirm; `nothing` refuses the confirmation. */
  readonly dryRun?: () => Promise<{ readonly text: string; readonly nothing: boolean }>
  readonly act: (values: Values) => Promise<ActionAnswer>
  /** Called when data may have changed, also after a failure. */
  readonly after: () => void
}

export interface Actions {
  /** Asks, acts, and shows the outcome. */
  ask(question: Question): void
  /** Acts at once: for what can be undone. */
  run(act: () => Promise<ActionAnswer>, after: () => void): void
}

const ActionsContext = createContext<Actions>({ ask: () => {}, run: () => {} })

export const ActionsProvider = ActionsContext.Provider

export function useActions(): Actions {
  return useContext(ActionsContext)
}
