import type { Audience, NotifierEvent } from '@penknife/core'

import { createFlushes } from '../flushes.ts'
import { WriterGroup } from '../writer-group.ts'
import { createCursor, type Cursor } from './cursor.ts'
import type { ClientFeed } from './feed.ts'
import { eventFrame } from './frames.ts'

/** The clients of one channel and no other, all of which get the same frames: they are told together. */
export class Crowd implements Audience {
  readonly #cursor: Cursor
  readonly #together = new WriterGroup<ClientFeed>({
    flushes: createFlushes(),
    writerOf: (feed) => feed.writer,
    onFull: (feed) => this.#apartFrom(feed),
  })
  /** Those inside that are told one by one: their stream has not begun, or bytes wait for them. */
  readonly #apart = new Set<ClientFeed>()

  constructor(channel: string) {
    this.#cursor = createCursor([channel], new Map())
  }

  onEvent(event: NotifierEvent): void {
    // Whoever changes sides meanwhile was told already.
    const apart = this.#apart.size > 0 ? [...this.#apart] : []
    if (this.#together.size > 0) this.#together.write(eventFrame(event, this.#cursor))
    for (const feed of apart) feed.toldApart(event)
  }

  join(feed: ClientFeed): void {
    this.#apart.add(feed)
    this.settle(feed)
  }

  leave(feed: ClientFeed): void {
    this.#apart.delete(feed)
    if (this.#together.delete(feed)) feed.wasTogether()
  }

  /** Has a client told with the others once it can be: its stream began, and nothing waits for it. */
  settle(feed: ClientFeed): void {
    if (!this.#apart.has(feed) || !feed.begun) return
    const { writer } = feed
    writer.flush()
    if (writer.full) writer.onDrain(() => this.settle(feed))
    else if (!writer.closed && this.#apart.delete(feed)) this.#together.add(feed)
  }

  #apartFrom(feed: ClientFeed): void {
    this.#apart.add(feed)
    feed.wasTogether()
    this.settle(feed)
  }
}

/** The crowds of one middleware, each there as long as a client of its channel is. */
export class Crowds {
  readonly #crowds = new Map<string, { readonly crowd: Crowd; clients: number }>()

  enter(channel: string): Crowd {
    let found = this.#crowds.get(channel)
    if (!found) {
      found = { crowd: new Crowd(channel), clients: 0 }
      this.#crowds.set(channel, found)
    }
    found.clients += 1
    return found.crowd
  }

  exit(channel: string): void {
    const found = this.#crowds.get(channel)
    if (!found) return
    found.clients -= 1
    if (found.clients === 0) this.#crowds.delete(channel)
  }
}
