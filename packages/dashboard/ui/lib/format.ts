const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const fraction = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const exactTime = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium',
  timeStyle: 'medium',
})

/** `1,234,567` */
export function count(value: number): string {
  return Number.isFinite(value) ? whole.format(value) : '∞'
}

/** `12.5/s` */
export function rate(perSecond: number): string {
  return `${perSecond >= 100 ? whole.format(perSecond) : fraction.format(perSecond)}/s`
}

/** A score or another number that may have a fraction, with all its digits. */
export function score(value: number): string {
  return Number.isInteger(value) ? whole.format(value) : String(value)
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const

/** `3 d 4 h`, `12 min`, `4.2 s`, `85 ms`; at most two units. */
export function duration(ms: number | undefined | null): string {
  if (ms === undefined) return '–'
  // JSON has no Infinity.
  if (ms === null || ms === Infinity) return 'never'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${fraction.format(ms / 1000)} s`
  for (const [at, [unit, size]] of UNITS.entries()) {
    if (ms < size) continue
    const amount = Math.floor(ms / size)
    const [smaller, part] = UNITS[at + 1] ?? ['', 0]
    const rest = part === 0 || amount >= 10 ? 0 : Math.floor((ms % size) / part)
    return rest > 0 ? `${amount} ${unit} ${rest} ${smaller}` : `${amount} ${unit}`
  }
  return `${Math.round(ms)} ms`
}

const SIZES = ['B', 'KB', 'MB', 'GB', 'TB'] as const

/** `1.5 MB`; 1 KB has 1,024 bytes. */
export function bytes(value: number): string {
  let size = value
  let at = 0
  while (size >= 1024 && at < SIZES.length - 1) {
    size /= 1024
    at += 1
  }
  return `${at === 0 || size >= 100 ? whole.format(size) : fraction.format(size)} ${SIZES[at] ?? ''}`
}

/** The local date and time, to the second. */
export function localTime(atMs: number): string {
  return Math.abs(atMs) <= 8.64e15 ? exactTime.format(atMs) : String(atMs)
}

/** By how much the clock of the server is ahead of that of the browser. */
let aheadMs = 0

/** Sets the time of the server, because the clock of a browser may be wrong by hours. */
export function setServerTime(atMs: number): void {
  const now = atMs - Date.now()
  // Smaller differences are the way of the answer: they would move all texts back and forth.
  if (Math.abs(now - aheadMs) > 2000) aheadMs = now
}

/** `3 min ago`, `in 2 h` */
export function fromNow(atMs: number, nowMs: number = Date.now() + aheadMs): string {
  const away = atMs - nowMs
  if (Math.abs(away) < 1000) return 'now'
  const span = duration(Math.abs(away) < 10_000 ? Math.round(Math.abs(away) / 1000) * 1000 : Math.abs(away))
  return away > 0 ? `in ${span}` : `${span} ago`
}

/** `1 letter`, `2 letters` */
export function plural(amount: number, one: string, many: string = `${one}s`): string {
  return `${count(amount)} ${amount === 1 ? one : many}`
}
