import type { LiveChange, LiveRow } from './types.ts'

/** The change from one value to another one. */
export function changeBetween(before: unknown, after: unknown): LiveChange {
  if (!areRows(before) || !areRows(after)) return { value: after }
  const known = new Map(before.map((row) => [row.member, JSON.stringify(row)]))
  const set = after.filter((row) => known.get(row.member) !== JSON.stringify(row))
  const order = after.map(({ member }) => member)
  const moved = before.length !== after.length || before.some(({ member }, at) => member !== order[at])
  const change = moved ? { set, order } : { set }
  return set.length < after.length ? change : { value: after }
}

/** The value after a change. */
export function applyLiveChange<Value>(value: Value, change: LiveChange): Value {
  if ('value' in change) return change.value as Value
  const before = value as readonly LiveRow[]
  const rows = new Map([...before, ...change.set].map((row) => [row.member, row]))
  const order = change.order ?? before.map(({ member }) => member)
  return order.map((member) => rows.get(member)) as Value
}

/** Whether it is a list of rows, each with another member. */
function areRows(value: unknown): value is readonly LiveRow[] {
  if (!Array.isArray(value)) return false
  const members = new Set(value.map((row: Partial<LiveRow> | null) => row?.member))
  return members.size === value.length && [...members].every((member) => typeof member === 'string')
}
