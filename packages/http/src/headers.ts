/** Milliseconds as whole seconds, rounded up. */
export function secondsUp(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000)
}
