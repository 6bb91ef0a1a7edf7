/** Whether a group is paused, as a worker knows it from replies of scripts and from messages. */
export interface Pausing {
  readonly paused: boolean
  /** A message came, or this worker paused the group. Only a message of a pause says what is so now; after others the worker asks. */
  told(paused: boolean): void
  /**
   * Call it before a question is sent, and the result with the answer. An answer is dropped if a message came in between: Redis may have given it
   * before the change, and then an entry would start in a paused group.
   */
  asking(): (paused: boolean) => void
}

/** `changed` is called with each change. */
export function createPausing(changed: (paused: boolean) => void): Pausing {
  let paused = false
  let messages = 0

  function set(now: boolean): void {
    if (now === paused) return
    paused = now
    changed(now)
  }

  return {
    get paused() {
      return paused
    },
    told(now) {
      messages += 1
      if (now) set(true)
    },
    asking() {
      const before = messages
      return (now) => {
        if (before === messages) set(now)
      }
    },
  }
}
