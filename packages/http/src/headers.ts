/** Whole seconds that are never less than the milliseconds. */
export function secondsUp(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000)
}
