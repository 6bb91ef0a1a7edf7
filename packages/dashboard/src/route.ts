import type { Inspector, InspectStream, Penknife } from '@penknife/core'

import type { ActionAnswer } from './api-types.ts'
import type { Audit } from './audit.ts'
import { type Fields, parse, type Parsed } from './input.ts'
import type { Checked, DashboardUser } from './options.ts'
import type { Overview } from './overview.ts'
import type { Show } from './shown.ts'

/** What the routes of one dashboard share. */
export interface Dashboard {
  readonly penknife: Penknife
  readonly options: Checked
  readonly inspector: Inspector
  /** Opens a stream, and keeps it for a while, so that rates count from the reading before. */
  readonly stream: (space: string, name: string) => Promise<InspectStream>
  readonly overview: Overview
  readonly audit: Audit
  readonly show: Show
}

/** A read of the API. */
export interface Read<Answer> {
  run(source: Readonly<Record<string, unknown>>, dashboard: Dashboard, user: DashboardUser): Promise<Answer>
}

export function read<Given extends Fields, Answer>(
  fields: Given,
  run: (input: Parsed<Given>, dashboard: Dashboard, user: DashboardUser) => Promise<Answer>,
): Read<Answer> {
  return {
    async run(source, dashboard, user) {
      return run(parse(fields, source), dashboard, user)
    },
  }
}

/** An action of the API. */
export interface Action {
  /** Checks the body. The target is for the audit; `run` does it. */
  prepare(source: Readonly<Record<string, unknown>>): {
    readonly target: string
    run(dashboard: Dashboard): Promise<ActionAnswer>
  }
}

/** `target`: the names of the fields that say what the action is about. */
export function action<const Given extends Fields>(
  fields: Given,
  target: readonly (keyof Given & string)[],
  run: (input: Parsed<Given>, dashboard: Dashboard) => Promise<ActionAnswer>,
): Action {
  return {
    prepare(source) {
      const input = parse(fields, source)
      return {
        target: target.flatMap((name) => (input[name] === undefined ? [] : textOf(input[name]))).join('/'),
        run: (dashboard) => run(input, dashboard),
      }
    },
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

/** The answer of an action that changed something, or found nothing to change. */
export function answer(changed: boolean, done: string, nothing: string): ActionAnswer {
  return { changed, text: changed ? done : nothing }
}
