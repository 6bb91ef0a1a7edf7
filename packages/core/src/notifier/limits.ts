import { PenknifeError } from '../errors.ts'

/** How often a followed channel's position is compared with the end of its history. */
export const CHECK_MS = 10_000

/**
 * Waits for some work `ms` milliseconds at most; up to five times as long while `progress` changes: when thousands subscribe
 * at once they wait for each other, and not for Redis.
 */
export async function within(
  what: string,
  ms: number,
  work: Promise<unknown>,
  progress: () => number = () => 0,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let over = false
  const late = new Promise<never>((_, reject) => {
    let before = progress()
    let left = 5
    function judge(): void {
      const now = progress()
      if (over) return
      left -= 1
      if (now === before || left === 0) {
        const away = `${what} was not ready within ${ms} ms: Redis is away or slow, or getState is`
        return reject(new PenknifeError('PENKNIFE_UNAVAILABLE', away))
      }
      before = now
      wait()
    }
    // In a process that was busy the reply may have arrived, and is only not read yet.
    function wait(): void {
      timer = setTimeout(() => setImmediate(judge), ms)
    }
    wait()
  })
  try {
    await Promise.race([work, late])
  } finally {
    over = true
    clearTimeout(timer)
  }
}

/** A read that waits until others are done, for everybody who asked for it meanwhile. */
interface Waiting {
  readonly wanted: (() => boolean)[]
  readonly result: Promise<unknown>
  go(): void
}

/**
 * Runs so many reads at a time, the others in the order of the calls. A read that waits is shared by all who ask
 * for the same `name`: what it reads is as new as what each would read by itself. Undefined, without a read, when
 * nobody wants it any more once it could start.
 */
export function limitReads(
  most: number,
): <Result>(name: string, wanted: () => boolean, run: () => Promise<Result>) => Promise<Result | undefined> {
  const waiting = new Map<string, Waiting>()
  let running = 0

  function next(): void {
    running -= 1
    for (const [name, { go }] of waiting) {
      waiting.delete(name)
      running += 1
      return go()
    }
  }

  async function start<Result>(
    wanted: readonly (() => boolean)[],
    run: () => Promise<Result>,
  ): Promise<Result | undefined> {
    try {
      return wanted.some((still) => still()) ? await run() : undefined
    } finally {
      next()
    }
  }

  return <Result>(name: string, wanted: () => boolean, run: () => Promise<Result>) => {
    const same = waiting.get(name)
    if (same) {
      same.wanted.push(wanted)
      return same.result as Promise<Result | undefined>
    }
    const all = [wanted]
    if (running < most) {
      running += 1
      return start(all, run)
    }
    let go = (): void => {}
    const allowed = new Promise<void>((resolve) => {
      go = resolve
    })
    const result = allowed.then(() => start(all, run))
    waiting.set(name, { wanted: all, result, go })
    return result
  }
}
