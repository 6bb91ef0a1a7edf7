import { readFileSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'

export { type Random, randomOf } from '../chaos/harness/random.ts'

export interface FuzzOptions {
  /** Of everything random: the same seed, the same inputs. */
  readonly seed: number
  /** Inputs to try. */
  readonly inputs: number
  /** Gets a line now and then. */
  readonly log: (line: string) => void
}

export interface FuzzResult {
  /** Inputs that were tried. */
  readonly inputs: number
  /** The findings, a line each. Empty: every check passed. */
  readonly findings: readonly string[]
}

/** Attacks one surface with random inputs, and checks promises that hold for any input. */
export interface Fuzzer {
  readonly name: string
  readonly about: string
  /** Inputs without `--inputs`: some minutes. */
  readonly inputs: number
  run(options: FuzzOptions): Promise<FuzzResult>
}

/** Collects findings. One that repeats is kept once, with its first example and how often it was found. */
export interface Findings {
  /** Records a finding of a kind. `example` names the input. */
  add(kind: string, example?: string): void
  readonly lines: readonly string[]
}

export function createFindings(): Findings {
  const kinds = new Map<string, { readonly example: string | undefined; count: number }>()
  return {
    add(kind, example) {
      const known = kinds.get(kind)
      if (known) known.count += 1
      else kinds.set(kind, { example, count: 1 })
    },
    get lines() {
      return [...kinds].map(
        ([kind, { example, count }]) =>
          `${kind} (${count} times)${example === undefined ? '' : `: ${example}`}`,
      )
    },
  }
}

/** Records uncaught exceptions and rejections of this process, until `stop`. */
export function watchProcess(findings: Findings): { stop(): void } {
  const crashed = (error: unknown): void => findings.add('an uncaught exception', shown(error))
  const rejected = (error: unknown): void => findings.add('an unhandled rejection', shown(error))
  process.on('uncaughtException', crashed).on('unhandledRejection', rejected)
  return {
    stop: () => void process.off('uncaughtException', crashed).off('unhandledRejection', rejected),
  }
}

const BLOCKED_MS = 50
const SAMPLE_MS = 10
const LONGEST_MS = BLOCKED_MS + SAMPLE_MS

/**
 * Notes when this process' event loop stands still for 50 ms, until `stop`. Only time that the main thread computed counts,
 * and not its garbage collections: on a busy machine it also waits for a core.
 */
export function watchLoop(findings: Pick<Findings, 'add'>, example: () => string): { stop(): void } {
  let last = performance.now()
  let used = computingMs()
  let collections: readonly PerformanceEntry[] = []
  const observer = new PerformanceObserver((list) => {
    collections = [...collections, ...list.getEntries()].slice(-100)
  })
  observer.observe({ entryTypes: ['gc'] })

  function judge(from: number, to: number, ms: number, what: string): void {
    const collecting = collections.filter(({ startTime }) => startTime >= from && startTime <= to)
    const computedMs = collecting.reduce((left, { duration }) => left - duration, ms)
    if (computedMs <= LONGEST_MS) return
    findings.add(`the event loop was blocked for ${BLOCKED_MS} ms`, `${computedMs.toFixed(0)} ms, ${what}`)
  }

  const timer = setInterval(() => {
    const [from, to] = [last, performance.now()]
    const computed = computingMs()
    const ms = Math.min(to - from, computed - used)
    last = to
    used = computed
    // Node reports garbage collections some ticks later.
    if (ms > LONGEST_MS) setTimeout(judge, SAMPLE_MS, from, to, ms, example()).unref()
  }, SAMPLE_MS)
  timer.unref()
  return {
    stop() {
      clearInterval(timer)
      observer.disconnect()
    },
  }
}

/**
 * For how long the main thread has computed; where the system does not tell, all threads of the process. A virtual machine counts
 * time that its host gave to others as computed, so that time is taken off.
 */
function computingMs(): number {
  try {
    const computed = Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1e6
    const stolen = Number(/^cpu +(?:\d+ ){7}(\d+)/.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? 0) * 10
    return computed - stolen
  } catch {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
}

/** Whether a promise settles within a time. Its result is dropped. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const settled = work.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([settled, late])
  } finally {
    clearTimeout(timer)
  }
}

function shown(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
