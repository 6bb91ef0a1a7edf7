import { reportFault, runSafely } from '../callbacks.ts'
import { detached } from '../detached.ts'
import { isOutage, PenknifeError } from '../errors.ts'
import type { Changes } from '../redis/changes.ts'
import { changeBetween } from './change.ts'
import type { LiveUpdate, LiveView } from './types.ts'

type Listener<Value> = (update: LiveUpdate<Value>) => void

export interface ViewSettings<Value> {
  /** The name in reports. */
  readonly title: string
  readonly read: () => Value | Promise<Value>
  readonly changes: Changes | undefined
  readonly everyMs: number
  readonly tickMs: number
}

/**
 * Reads a value while it is watched: once for all watchers, at most every `everyMs`, and only after a change or `tickMs`.
 *
 * A change that is noticed during a read causes one more read, because that read may be from before the change; a read that fails is made
 * again. So once changes stop, the last read is after the last change.
 */
export class View<Value> implements LiveView<Value> {
  readonly #settings: ViewSettings<Value>
  readonly #watchers = new Set<Watcher<Value>>()
  /** The value that watchers have. */
  #known: Snapshot<Value> | undefined
  #unfollow: (() => void) | undefined
  #reliable = false
  #reading = false
  #changed = false
  #readAt = -Infinity
  #timer: NodeJS.Timeout | undefined
  #dueAt = Infinity
  #reported = false
  /** One read for all that ask while nobody has a value. */
  #asked: Promise<Value> | undefined
  /** Grows when the last watcher leaves, so that a read from before counts for nothing. */
  #round = 0

  constructor(settings: ViewSettings<Value>) {
    this.#settings = settings
  }

  watch(listener: Listener<Value>): () => void {
    const watcher: Watcher<Value> = { listener, begun: false }
    this.#watchers.add(watcher)
    if (this.#watchers.size === 1) this.#begin()
    // Changes until then are in the state.
    else queueMicrotask(() => this.#known && this.#give(watcher, this.#known.value))
    return () => {
      if (this.#watchers.delete(watcher) && this.#watchers.size === 0) this.#end()
    }
  }

  async value(): Promise<Value> {
    if (this.#known) return this.#known.value
    return (this.#asked ??= this.#ask().finally(() => (this.#asked = undefined)))
  }

  async #ask(): Promise<Value> {
    return snapshotOf(await this.#settings.read()).value
  }

  #begin(): void {
    this.#unfollow = this.#settings.changes?.follow(
      () => this.#noteChange(),
      (reliable) => {
        this.#reliable = reliable
        this.#noteChange()
      },
    )
    this.#schedule(0)
  }

  #end(): void {
    this.#unfollow?.()
    this.#unfollow = undefined
    clearTimeout(this.#timer)
    this.#dueAt = Infinity
    this.#known = undefined
    this.#reliable = false
    this.#changed = false
    this.#round += 1
  }

  #noteChange(): void {
    this.#changed = true
    this.#schedule(this.#readAt + this.#settings.everyMs - performance.now())
  }

  /** Reads after these milliseconds, unless it does sooner. */
  #schedule(ms: number): void {
    if (this.#reading || this.#watchers.size === 0) return
    const dueAt = performance.now() + Math.max(0, ms)
    if (dueAt >= this.#dueAt) return
    clearTimeout(this.#timer)
    this.#dueAt = dueAt
    this.#timer = detached(() => setTimeout(() => void this.#read(), Math.max(0, ms)).unref())
  }

  async #read(): Promise<void> {
    const round = this.#round
    this.#dueAt = Infinity
    this.#reading = true
    this.#changed = false
    this.#readAt = performance.now()
    let ended = false
    try {
      const read = await this.#settings.read()
      if (round === this.#round) this.#accept(snapshotOf(read))
    } catch (error) {
      ended = this.#failed(error)
      // The change that caused this read is still unread.
      this.#changed = true
    }
    this.#reading = false
    if (ended) return
    const { everyMs, tickMs } = this.#settings
    const again = round !== this.#round
    this.#schedule(again ? 0 : this.#changed || !this.#reliable ? everyMs : tickMs)
  }

  #accept(read: Snapshot<Value>): void {
    const before = this.#known
    const same = before?.text === read.text
    const { value } = (this.#known = same ? before : read)
    const change = before && !same ? changeBetween(before.value, value) : undefined
    for (const watcher of this.#watchers) {
      if (!watcher.begun) this.#give(watcher, value)
      else if (change) this.#call(watcher, { kind: 'change', value, change })
    }
  }

  #give(watcher: Watcher<Value>, value: Value): void {
    if (watcher.begun || !this.#watchers.has(watcher)) return
    watcher.begun = true
    this.#call(watcher, { kind: 'state', value })
  }

  #call({ listener }: Watcher<Value>, update: LiveUpdate<Value>): void {
    runSafely(`a watcher of ${this.#settings.title} failed`, () => listener(update))
  }

  /** Returns whether no read can succeed any more. */
  #failed(error: unknown): boolean {
    if (error instanceof PenknifeError && error.code === 'PENKNIFE_CLOSED') return true
    if (isOutage(error) || this.#reported) return false
    this.#reported = true
    reportFault(`${this.#settings.title} cannot be read`, error)
    return false
  }
}

/** A value that nobody changes any more, and its JSON text. */
interface Snapshot<Value> {
  readonly value: Value
  readonly text: string
}

/** A read may return an object that the application changes later, or nothing, for which JSON has null. */
function snapshotOf<Value>(read: Value): Snapshot<Value> {
  const text = JSON.stringify(read) ?? 'null'
  return { value: JSON.parse(text) as Value, text }
}

interface Watcher<Value> {
  readonly listener: Listener<Value>
  /** Whether it has the state. */
  begun: boolean
}
