const POLL_MS = 10

// A test may replace the global ones.
const { setTimeout } = globalThis
export const monotonicMs: () => number = performance.now.bind(performance)

/** Checks every 10 ms until nothing is left to wait for. `look` returns the rest, for the error after the time limit. */
export async function poll(
  withinMs: number,
  look: (withinMs: number) => Promise<string | undefined>,
): Promise<void> {
  const until = monotonicMs() + withinMs
  for (;;) {
    const left = await look(withinMs)
    if (left === undefined) return
    if (monotonicMs() > until) throw new Error(left)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
