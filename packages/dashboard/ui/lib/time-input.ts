/** A time as the value of an input of the type `datetime-local`, in the zone of the browser. */
export function localInput(atMs: number): string {
  const time = new Date(atMs)
  return new Date(atMs - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}
