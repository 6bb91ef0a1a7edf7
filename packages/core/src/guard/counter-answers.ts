import { badReply, readReply } from '../redis/failures.ts'
import type {
  CounterAnswer,
  CounterChange,
  CounterFenced,
  CounterRefusal,
  CountersAnswer,
  CounterState,
} from './counter-types.ts'
import { refusedBy } from './fence.ts'

interface Limits {
  readonly floor?: number | undefined
  readonly ceiling?: number | undefined
}

/** Reads what scripts reply about changes of counters. */
export interface CounterReader {
  /** The state in a line "value down up"; `given` are the limits of one change. */
  state(counter: string, line: string, given?: Limits): CounterState
  /** The answer to several changes. */
  answer(changes: readonly CounterChange[], reply: string): CountersAnswer | CounterFenced
  /** The answer to one change. */
  one(change: CounterChange, reply: string): CounterAnswer | CounterFenced
  /** The answer to one change of a counter without open reservations, which now has this value. */
  plain(counter: string, value: number): CounterAnswer
}

const NONE = {}

export function createCounterReader(
  title: string,
  { floor, ceiling }: { readonly floor: number; readonly ceiling: number },
): CounterReader {
  function state(counter: string, line: string, given: Limits = NONE): CounterState {
    const [value, down, up] = numbersOf(line)
    return {
      counter,
      value,
      available: Math.max(0, value + down - (given.floor ?? floor)),
      room: Math.max(0, (given.ceiling ?? ceiling) - value - up),
    }
  }

  /** Of a line "at reason value down up". */
  function refusal(changes: readonly CounterChange[], line: string): CounterRefusal {
    const [at = '', reason = '', ...rest] = line.split(' ')
    const change = changes[Number(at) - 1]
    if (!change || (reason !== 'floor' && reason !== 'ceiling')) throw new Error(`'${line}' is no refusal`)
    return { ...state(change.counter, rest.join(' '), change), by: change.by, reason }
  }

  function answer(changes: readonly CounterChange[], reply: string): CountersAnswer | CounterFenced {
    const fence = refusedBy(reply)
    if (fence !== undefined) return { ok: false, reason: 'fence', fence }
    return readReply(title, () => {
      const [kind, ...lines] = reply.split('\n')
      if (kind === '-')
        return { ok: false, reason: 'limit', refused: lines.map((line) => refusal(changes, line)) }
      if ((kind !== '+' && kind !== '=') || lines.length !== changes.length)
        throw new Error(`'${reply}' is no answer to ${changes.length} changes`)
      const counters = changes.map((change, at) => state(change.counter, lines[at] as string, change))
      return { ok: true, repeated: kind === '=', counters }
    })
  }

  return {
    state: (counter, line, given) => readReply(title, () => state(counter, line, given)),
    answer,
    one(change, reply) {
      const several = answer([change], reply)
      if (several.ok)
        return { ok: true, repeated: several.repeated, ...(several.counters[0] as CounterState) }
      if (several.reason === 'fence') return several
      const [refused] = several.refused
      if (!refused) throw badReply(title, `'${reply}' refuses nothing`)
      return { ok: false, ...refused }
    },
    plain(counter, value) {
      const available = value > floor ? value - floor : 0
      const room = value < ceiling ? ceiling - value : 0
      return { ok: true, repeated: false, counter, value, available, room }
    },
  }
}

function numbersOf(line: string): readonly [number, number, number] {
  const numbers = line.split(' ')
  const [value, down, up] = [Number(numbers[0]), Number(numbers[1]), Number(numbers[2])]
  if (
    numbers.length === 3 &&
    Number.isSafeInteger(value) &&
    Number.isSafeInteger(down) &&
    Number.isSafeInteger(up)
  )
    return [value, down, up]
  throw new Error(`'${line}' is no counter`)
}
