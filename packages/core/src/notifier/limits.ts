import { PenknifeError } from '../errors.ts'

/** How often a followed channel's position is compared with the end of its history. */
export const CHECK_MS = 10_000

/**
 * Waits for `work` for at most `ms` milliseconds, and up to five times as long while `progress` changes: thousands of
 * concurrent subscribes wait for each other, not for Redis.
 *
 * @param call the name of the method, for the error
 * @throws PENKNIFE_UNAVAILABLE
 */
export async function within(
  call: string,
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
        const reason = `${call} was not ready within ${ms} ms: Redis is away or slow, or getState is slow`
        return reject(new PenknifeError('PENKNIFE_UNAVAILABLE', reason))
      }
      before = now
      wait()
    }
    // If the process was busy, the reply may have arrived without being read yet.
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

/** A read that waits for others to finish, with all callers of the same read. */
interface Waiting {
  readonly wanted: (() => boolean)[]
  readonly result: Promise<unknown>
  go(): void
}

/**
 * Runs at most `most` reads at a time, in the order of the calls. Calls with the same `name` share a waiting read, whose
 * result is as new as that of a read of their own. Resolves with undefined, without a read, when no caller wants it any
 * more at its start.
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
