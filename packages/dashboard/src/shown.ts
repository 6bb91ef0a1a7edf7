import { cut, disown, isPromiseLike } from '@penknife/core/internal'

import type { Shown } from './api-types.ts'
import type { DashboardOptions, DashboardSource } from './options.ts'
import type { Report } from './report.ts'

/** Characters of a value in a list, and of one that is shown alone. */
export const BRIEF = 1000
export const WHOLE: number = 1 << 20

/** Makes what a user may see of a value that is stored as JSON text. */
export type Show = (json: string, source: DashboardSource, most: number) => Shown

export function createShow(redact: DashboardOptions['redact'], report: Report): Show {
  return (json, source, most) => {
    if (redact === undefined) return shown(json, most, false)
    let changed: string
    let before: string | undefined
    try {
      const value = parsed(json)
      before = JSON.stringify(value)
      const result = redact(value, source)
      if (isPromiseLike(result)) {
        disown(result)
        throw new TypeError('redact returned a promise: return the value itself')
      }
      changed = JSON.stringify(result) ?? 'null'
    } catch (error) {
      report('redact of the dashboard failed, and a value is not shown', error)
      return { kind: 'hidden' }
    }
    return changed === before ? shown(json, most, false) : shown(changed, most, true)
  }
}

function shown(json: string, most: number, redacted: boolean): Shown {
  return { kind: 'value', json: cut(json, most), cut: json.length > most, redacted }
}

/** Another program may have written something that is no JSON: redact gets its text. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}
