import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import { Effect, type EffectLayout, type EffectTarget, textsOf } from '../record/effect.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { CounterReader } from './counter-answers.ts'
import { packChange } from './counter-options.ts'
import type { CounterEffectOptions, CounterEffectResult, Counters } from './counter-types.ts'

const { MAX_SAFE_INTEGER, MIN_SAFE_INTEGER } = Number
const NONE: CounterEffectOptions = {}
/** Microseconds of Redis, see `EffectTarget`. */
const COST = 10

export interface CounterEffectsParts {
  readonly space: string
  readonly name: string
  readonly runtime: Runtime
  readonly reader: CounterReader
  readonly layout: (nowMs: number) => EffectLayout
  readonly declare: () => void
}

/** The effects of counters, for `record` and `commit`. */
export function createCounterEffects({
  space,
  name,
  runtime,
  reader,
  layout,
  declare,
}: CounterEffectsParts): Pick<Counters, 'incrementing' | 'decrementing'> {
  const title = `counters '${name}'`
  const target: EffectTarget = {
    kind: 'count',
    title,
    space,
    runtime,
    layout,
    cost: COST,
    used: declare,
    shapes: new WeakMap(),
  }

  function effect(counter: string, by: number, given: CounterEffectOptions): Effect<CounterEffectResult> {
    if (given !== NONE) checkOptions('counter', given, ['floor', 'ceiling', 'reaching'])
    const { floor, ceiling, reaching } = given
    return new Effect({
      target,
      texts: textsOf(packChange(counter, by, floor, ceiling)),
      read: (line) => reader.state(counter, line, given),
      refusal(line) {
        const [, reason = '', state = ''] = /^(floor|ceiling) (.*)$/.exec(line) ?? []
        if (reason !== 'floor' && reason !== 'ceiling') throw new Error(`'${line}' is no refusal`)
        return { reason, ...reader.state(counter, state, given) }
      },
      reaching: reaching && checkReaching(reaching),
    })
  }

  return {
    incrementing: (counter, by = 1, given = NONE) => effect(counter, amount(by), given),
    decrementing: (counter, by = 1, given = NONE) => effect(counter, 0 - amount(by), given),
  }
}

/** Checks what is added or taken: 0 or more. */
function amount(by: number): number {
  return wholeNumber('by', by, 0, MAX_SAFE_INTEGER)
}

function checkReaching(reaching: NonNullable<CounterEffectOptions['reaching']>): typeof reaching {
  checkOptions('reaching', reaching, ['value', 'effects'])
  wholeNumber('value', reaching.value, MIN_SAFE_INTEGER, MAX_SAFE_INTEGER)
  if (Array.isArray(reaching.effects)) return reaching
  throw invalid('effects', reaching.effects, 'give a list of effects')
}
