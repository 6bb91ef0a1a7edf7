import { channel } from 'node:diagnostics_channel'

import { runSafely } from './callbacks.ts'
import { invalid } from './errors.ts'

/** Sends events to its listeners and to the node:diagnostics_channel with its name. */
export interface Topic<Event> {
  emit(event: Event): void
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: Event) => void): () => void
  /** Whether there is a listener. Otherwise a fault is a process warning. */
  readonly hasListeners: boolean
  /** Whether there is a listener or a tap; otherwise an event need not be created. */
  readonly observed: boolean
}

/**
 * Listeners that get the events of all topics with a name, of one penknife. Metrics count with them. A tap reports nothing to people, so it does not
 * replace the process warnings about faults.
 */
export interface Taps {
  /** Adds a tap; the returned function removes it. */
  on(name: string, tap: (event: never) => void): () => void
  /** The taps of the topics with that name, now and later. */
  of(name: string): ReadonlySet<(event: never) => void>
}

export function createTaps(): Taps {
  const all = new Map<string, Set<(event: never) => void>>()

  function of(name: string): Set<(event: never) => void> {
    const found = all.get(name) ?? new Set()
    all.set(name, found)
    return found
  }

  return {
    on(name, tap) {
      // Its own function: the same one may be added twice.
      const mine = (event: never): void => tap(event)
      of(name).add(mine)
      return () => void of(name).delete(mine)
    },
    of,
  }
}

/** `taps` are those of the penknife that the topic belongs to. */
export function createTopic<Event extends object>(name: string, taps?: Taps): Topic<Event> {
  const listeners = new Set<(event: Event) => void>()
  const diagnostics = channel(name)
  const failedListener = `a listener of ${name} failed`
  const failedTap = `a tap of ${name} failed`
  const tapped = taps?.of(name) as ReadonlySet<(event: Event) => void> | undefined
  return {
    emit(event) {
      if (diagnostics.hasSubscribers) diagnostics.publish(event)
      for (const listener of listeners) {
        // An error of a listener is reported, and must not affect the feature or other listeners.
        runSafely(failedListener, listener, event)
      }
      if (!tapped || tapped.size === 0) return
      for (const tap of tapped) runSafely(failedTap, tap, event)
    },
    on(listener) {
      if (typeof listener !== 'function') throw invalid('listener', listener, 'give a function')
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get hasListeners() {
      return listeners.size > 0 || diagnostics.hasSubscribers
    },
    get observed() {
      return listeners.size > 0 || diagnostics.hasSubscribers || (tapped !== undefined && tapped.size > 0)
    },
  }
}
