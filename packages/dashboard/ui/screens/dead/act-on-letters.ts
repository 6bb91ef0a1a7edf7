import type { InspectDeadFilter } from '@penknife/core'

import type { Question } from '../../lib/actions.ts'
import { act } from '../../lib/api.ts'
import { plural } from '../../lib/format.ts'

export interface OfGroup {
  readonly space: string
  readonly stream: string
  readonly group: string
}

/** Requeues or purges the letters that a filter selects. It counts them first, and asks. */
export function actOnLetters(
  action: 'requeue' | 'purge',
  of: OfGroup,
  filter: InspectDeadFilter,
  after: () => void,
): Question {
  const purge = action === 'purge'
  const name = `dead.${action}` as const
  return {
    title: purge ? 'Delete these dead letters?' : 'Requeue these dead letters?',
    body: purge
      ? 'Their payloads and errors are deleted. Nobody can undo this.'
      : 'The group handles them again, with all attempts. If the cause is not fixed, they come back.',
    dryRun: async () => {
      const { letters } = await act(name, { ...of, filter, dryRun: true })
      const matched = letters?.matched ?? 0
      return {
        text:
          matched === 0
            ? 'No letter matches any more.'
            : `${plural(matched, 'letter')} will be ${purge ? 'deleted' : 'requeued'}.`,
        nothing: matched === 0,
      }
    },
    confirm: purge ? 'Delete letters' : 'Requeue letters',
    danger: purge,
    act: () => act(name, { ...of, filter }),
    after,
  }
}
