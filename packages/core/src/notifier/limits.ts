import { PenknifeError } from '../errors.ts'

/** How often a followed channel's position is compared with the end of its history. */
export const CHECK_MS = 10_000

/** Waits for work of `what` only so long. */
export async function within(what: string, ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const away = `${what}: Redis could not be reached within ${ms} ms`
    timer = setTimeout(() => reject(new PenknifeError('PENKNIFE_UNAVAILABLE', away)), ms)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Lets so many run at a time, the others in the order in which they came. */
export function atMost(most: number): <Result>(run: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (run) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await run()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}
