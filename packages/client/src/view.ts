import type { LiveChange } from './types.ts'

interface Row {
  readonly member: string
}

/** The value of a view after a change. */
export function applyLiveChange<Value>(value: Value, change: LiveChange): Value {
  if ('value' in change) return change.value as Value
  const before = value as readonly Row[]
  const rows = new Map([...before, ...change.set].map((row) => [row.member, row]))
  return (change.order ?? before.map((row) => row.member)).map((member) => rows.get(member)) as Value
}
