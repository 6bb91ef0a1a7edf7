import { conform, type StandardSchema } from '../standard-schema.ts'
import { controlOf, Handed, type Held, type Place } from './delivery.ts'

export interface HandlingOptions<T> {
  readonly place: Place
  readonly schema: StandardSchema<unknown, T> | undefined
  readonly timeoutMs: number | undefined
  /** Calls the handler. */
  readonly handle: (deliveries: readonly Handed<T>[]) => unknown
  /** What a call resolved with says of the entry at that place: an error, or undefined. */
  readonly errorAt: (outcome: unknown, at: number) => unknown
  readonly started: (held: Held) => void
  readonly done: (held: Held) => void
  /** `ran` is false when no handler was called: the payload is not what it must be. */
  readonly failed: (held: Held, error: unknown, ran: boolean) => void
  /** Its lease may have ended before its handler was called, which it will not be. */
  readonly late: (held: Held) => void
  /** A call ended, or took too long: the place of so many entries is free. */
  readonly free: (entries: number) => void
}

export interface Handling {
  run(held: readonly Held[]): void
  stop(): void
}

/** One call of the handler. */
interface Call {
  readonly held: readonly Held[]
  /** Places that it takes. */
  readonly entries: number
  readonly endsAt: number
  /** It took too long, and its place was given away. */
  late: boolean
}

/** Runs handlers: parses payloads, tells the ends of calls apart, and fails those that take too long. */
export function createHandling<T>(options: HandlingOptions<T>): Handling {
  const { place, schema, timeoutMs, handle, errorAt, started, done, failed, late, free } = options
  /** Calls under way, soonest end first, when there is a time to end by. */
  const running = new Set<Call>()
  let timer: NodeJS.Timeout | undefined

  function run(held: readonly Held[]): void {
    for (const each of held) each.stage = 'running'
    if (schema) {
      void check(held, schema)
      return
    }
    const good: Held[] = []
    const deliveries: Handed<T>[] = []
    for (const each of held) {
      try {
        deliveries.push(new Handed(each, JSON.parse(each.json ?? '') as T, place))
        good.push(each)
      } catch (error) {
        failed(each, error, false)
      }
    }
    call(good, deliveries, held.length)
  }

  async function check(held: readonly Held[], by: StandardSchema<unknown, T>): Promise<void> {
    const checked: { readonly each: Held; readonly delivery: Handed<T> }[] = []
    for (const each of held) {
      try {
        const output = conform(by, 'payload', JSON.parse(each.json ?? ''))
        const payload = output instanceof Promise ? await output : output
        checked.push({ each, delivery: new Handed(each, payload, place) })
      } catch (error) {
        failed(each, error, false)
      }
    }
    // A schema may take its time: what was lost or given back meanwhile, or whose lease ended, is not handled.
    const now = performance.now()
    const good = checked.filter(({ each }) => each.stage === 'running' && now < each.leaseEndsAt)
    for (const { each } of checked) if (each.stage === 'running' && now >= each.leaseEndsAt) late(each)
    call(
      good.map(({ each }) => each),
      good.map(({ delivery }) => delivery),
      held.length,
    )
  }

  function call(held: readonly Held[], deliveries: readonly Handed<T>[], entries: number): void {
    if (held.length === 0) {
      free(entries)
      return
    }
    const mine: Call = {
      held,
      entries,
      endsAt: timeoutMs === undefined ? Infinity : performance.now() + timeoutMs,
      late: false,
    }
    if (timeoutMs !== undefined) {
      running.add(mine)
      timer ??= setTimeout(expire, timeoutMs)
    }
    for (const each of held) started(each)
    let result: unknown
    try {
      result = handle(deliveries)
      if (isThenable(result)) {
        // A foreign thenable may answer twice, or throw after it answered: a promise answers once.
        Promise.resolve(result).then(
          (outcome) => succeed(mine, outcome),
          (error: unknown) => fail(mine, error),
        )
        return
      }
    } catch (error) {
      fail(mine, error)
      return
    }
    succeed(mine, result)
  }

  function succeed(mine: Call, outcome: unknown): void {
    running.delete(mine)
    if (mine.late) return
    for (let at = 0; at < mine.held.length; at++) {
      const held = mine.held[at] as Held
      const error = errorOf(outcome, at)
      if (error !== undefined) failed(held, error, true)
      // Lost, or told to stop: whatever the handler says, it is not done.
      else if (held.stage === 'running') done(held)
    }
    free(mine.entries)
  }

  function errorOf(outcome: unknown, at: number): unknown {
    try {
      return errorAt(outcome, at)
    } catch (error) {
      // A getter of what the handler answered: whether the entry is done cannot be known.
      return error ?? new Error('what the handler answered cannot be read')
    }
  }

  function fail(mine: Call, error: unknown): void {
    running.delete(mine)
    if (mine.late) return
    for (const held of mine.held) failed(held, error, true)
    free(mine.entries)
  }

  /** One timer for all: the calls end in the order in which they began. */
  function expire(): void {
    timer = undefined
    for (const mine of running) {
      const left = mine.endsAt - performance.now()
      if (left > 0) {
        timer = setTimeout(expire, left)
        return
      }
      running.delete(mine)
      mine.late = true
      const error = new Error(`the attempt took longer than its timeout of ${timeoutMs} ms`)
      for (const held of mine.held) {
        controlOf(held).abort(error)
        failed(held, error, true)
      }
      free(mine.entries)
    }
  }

  return { run, stop: () => clearTimeout(timer) }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}
