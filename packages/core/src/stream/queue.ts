/** A first-in, first-out queue. `pop` removes the last value, `unshift` adds one before all others. */
export interface Queue<T> {
  readonly size: number
  readonly first: T | undefined
  push(value: T): void
  unshift(value: T): void
  shift(): T | undefined
  pop(): T | undefined
}

/** Places before the first value that may stay empty. */
const MOST_GAPS = 1024

export function createQueue<T>(): Queue<T> {
  let values: (T | undefined)[] = []
  let head = 0
  return {
    get size() {
      return values.length - head
    },
    get first() {
      return values[head]
    },
    push: (value) => void values.push(value),
    unshift(value) {
      if (head > 0) values[--head] = value
      else values.unshift(value)
    },
    shift() {
      if (head === values.length) return undefined
      const value = values[head]
      values[head++] = undefined
      if (head === values.length) {
        values = []
        head = 0
      } else if (head >= MOST_GAPS && head * 2 > values.length) {
        // It may never be empty.
        values = values.slice(head)
        head = 0
      }
      return value
    },
    pop: () => (head === values.length ? undefined : values.pop()),
  }
}
