import type { Timing } from '../../../packages/core/src/stream/schedules/timing.ts'

/** A timing and how the model finds its occurrences: a fixed local time, or local minutes of every hour. */
export type ModelTiming =
  | { readonly kind: 'fixed'; readonly hour: number; readonly minute: number }
  | { readonly kind: 'minutes'; readonly every: number }
  | { readonly kind: 'every'; readonly minutes: number }

export function timingOf(model: ModelTiming, timeZone: string): Timing {
  if (model.kind === 'every') return { everyMs: model.minutes * MINUTE_MS }
  if (model.kind === 'minutes') return { cron: `*/${model.every} * * * *`, timeZone }
  return { cron: `${model.minute} ${model.hour} * * *`, timeZone }
}

const MINUTE_MS = 60_000

/** The minutes of a few days with their local times, minute by minute: slow, and without croner. */
export interface Calendar {
  occurrences(model: ModelTiming): readonly number[]
}

export function createCalendar(timeZone: string, fromMs: number, days: number): Calendar {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  })
  const minutes = Array.from({ length: days * 1440 }, (_, at) => {
    const ms = fromMs + at * MINUTE_MS
    // Such as 2026-03-29, 03:00.
    const [date = '', time = ''] = format.format(ms).split(', ')
    return { ms, date, time }
  })
  const cache = new Map<string, readonly number[]>()

  function find(model: ModelTiming): readonly number[] {
    if (model.kind === 'every') {
      return minutes.filter(({ ms }) => ms % (model.minutes * MINUTE_MS) === 0).map(({ ms }) => ms)
    }
    if (model.kind === 'minutes') {
      return minutes.filter(({ time }) => Number(time.slice(3)) % model.every === 0).map(({ ms }) => ms)
    }
    const wanted = `${pad(model.hour)}:${pad(model.minute)}`
    const dates = [...new Set(minutes.map(({ date }) => date))]
    // The first and the last date of the list are not whole.
    return dates.slice(1, -1).flatMap((date) => {
      const first = minutes.find(
        (minute) => minute.date > date || (minute.date === date && minute.time >= wanted),
      )
      return first ? [first.ms] : []
    })
  }

  return {
    occurrences(model) {
      const key = JSON.stringify(model)
      let found = cache.get(key)
      if (!found) cache.set(key, (found = find(model)))
      return found
    },
  }
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
