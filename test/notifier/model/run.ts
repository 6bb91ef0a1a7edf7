import { equal, ok } from 'node:assert/strict'
import { createHash } from 'node:crypto'

import type { Notifier, NotifierEvent, NotifierSubscription } from '@penknife/core'
import type { Redis } from 'ioredis'

import { type Clock, CLOCK_KEY, createClock } from '../../support/clock.ts'
import { until } from '../../support/until.ts'
import type { Action, From, Step } from './actions.ts'
import { ChannelModel, isBeginning } from './channel.ts'

export const START_MS = 1_764_000_000_000

const ONE: Action = {
  do: 'publish',
  count: 1,
  type: 'said',
  ttl: undefined,
  coalesce: undefined,
  id: undefined,
}

/** A position as the notifier gives it out, and the place that it was then. */
interface Given {
  readonly id: string
  readonly at: string
}

/** A subscriber: the events that it got, and how many were checked. */
interface Reader {
  readonly events: NotifierEvent[]
  readonly types: readonly string[] | undefined
  readonly state: boolean
  subscription: NotifierSubscription
  /** Where it is, as the checks know; 'oldest' for before the oldest event kept. */
  at: string
  /** The id of that place, from the subscription's last cursor. */
  id: string
  checked: number
  paused: boolean
  /** Whether its position was valid before the present step, and after it. */
  good: boolean
}

/** How often each kind of step and event occurred. */
export const seen: Map<string, number> = new Map<string, number>()
const saw = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1)

/** One channel, its model, its readers. */
export class Run {
  readonly #raw: Redis
  readonly #notifier: Notifier
  readonly #channel: string
  readonly #key: string
  readonly #beginnings: string
  readonly #clock: Clock
  readonly #model: ChannelModel
  readonly #readers: Reader[] = []
  readonly #inside = new Set<Reader>()
  readonly #audience = {
    onEvent: (event: NotifierEvent): void => {
      if (this.#inside.size > 1) saw('an event for several')
      for (const reader of this.#inside) reader.events.push(event)
    },
  }
  readonly #ids = new Map<string, string>()
  /** Positions that were given out while there was no history. */
  readonly #empties: Given[] = []
  #now = START_MS
  #next = 0

  constructor(raw: Redis, notifier: Notifier, channel: string, ageMs: number) {
    this.#raw = raw
    this.#notifier = notifier
    this.#channel = channel
    this.#key = `pk1:{shop}:notify:${notifier.name}:${channel}`
    this.#beginnings = `pk1:{shop}:notify-next:${notifier.name}`
    this.#clock = createClock(raw)
    this.#model = new ChannelModel(ageMs)
  }

  async step(step: Step): Promise<void> {
    saw(step.do)
    for (const reader of this.#readers) reader.good = this.#isGood(reader)
    if (step.do === 'together') await this.#together(step.actions)
    else if (step.do === 'pages') await this.#pages(this.#cursor(step.from, step.nth), step.count)
    else if (step.do === 'delete the newest') await this.#deleteNewest()
    else if (step.do === 'trim') await this.#trim(step.count)
    else if (step.do === 'lose messages') await this.#loseMessages(step.count)
    else if (step.do === 'clock') await this.#setClock(this.#now + step.ms)
    else if (step.do === 'roll back') await this.#rollBack(step.count)
    else await this.#lose(step.do)
    await this.#settle()
    if (this.#model.empty) await this.#noteEmpty()
  }

  async #noteEmpty(): Promise<void> {
    const id = (await this.#notifier.positions([this.#channel]))[this.#channel] as string
    this.#empties.push({ id, at: this.#model.beginning })
  }

  async end(): Promise<void> {
    await this.#together(this.#readers.map((_, at) => ({ do: 'resume', nth: at })))
    await this.#settle()
    for (const { subscription } of this.#readers) void subscription.close()
  }

  async #together(actions: readonly Action[]): Promise<void> {
    const under: Promise<unknown>[] = []
    const publishes: Promise<readonly { readonly id: string; readonly of: Action & { do: 'publish' } }[]>[] =
      []
    for (const each of actions) {
      if (each.do === 'publish') publishes.push(this.#publish(each))
      else if (each.do === 'join') under.push(this.#join(each))
      else if (each.do === 'kill')
        under.push(this.#raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => {}))
      else this.#change(each.do, each.nth)
    }
    const published = (await Promise.all(publishes)).flat()
    const fresh = new Map<string, Action & { do: 'publish' }>()
    // Of publishes with one id the first is the event.
    for (const { id, of } of published) if (!this.#model.knows(id) && !fresh.has(id)) fresh.set(id, of)
    this.#model.add(
      [...fresh].map(([id, { type, coalesce, ttl }]) => ({
        id,
        type,
        coalesce,
        expires: ttl === undefined ? Infinity : this.#now + ttl,
        at: this.#now,
      })),
    )
    await Promise.all(under)
  }

  async #publish(of: Action & { do: 'publish' }) {
    const { count, type, ttl, coalesce, id } = of
    const options = {
      type,
      ...(ttl === undefined ? {} : { ttl }),
      ...(coalesce === undefined ? {} : { coalesce }),
    }
    if (id !== undefined) {
      const got = await this.#notifier.publish(this.#channel, this.#next++, { ...options, id })
      const first = this.#ids.get(id) ?? got
      this.#ids.set(id, first)
      equal(got, first)
      return [{ id: got, of }]
    }
    const ids = Array.from({ length: count }, () =>
      this.#notifier.publish(this.#channel, this.#next++, options),
    )
    return (await Promise.all(ids)).map((got) => ({ id: got, of }))
  }

  /** A position to begin after; undefined for the end. */
  #cursor(from: From, at: number): Given | undefined {
    const { ids } = this.#model
    const known = ids[at % ids.length]
    if (from === 'next') return undefined
    if (from === 'empty') return this.#empties[at % this.#empties.length] ?? { id: '-', at: 'oldest' }
    if (from === 'start' || known === undefined) return { id: '-', at: 'oldest' }
    let id = known
    if (from === 'other tag') id = known.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    if (from === 'other epoch') id = known.replace(/^\d+/, (epoch) => String(Number(epoch) - 1))
    if (from === 'beyond') id = known.replace(/-\d+-/, `-${100_000 + at}-`)
    return { id, at: id }
  }

  async #join({ from: kind, nth: at, filter, state, shared }: Action & { do: 'join' }): Promise<void> {
    saw(`join from ${kind}`)
    const cursor = this.#cursor(kind, at)
    const reader: Reader = {
      events: [],
      types: filter ? ['said'] : undefined,
      state,
      subscription: undefined as never,
      at: cursor?.at ?? '+',
      id: cursor?.id ?? '+',
      checked: 0,
      paused: false,
      good: this.#isGood(cursor ?? { at: '+' }),
    }
    reader.subscription = await this.#notifier.subscribe([this.#channel], {
      ...(cursor === undefined ? {} : { from: { [this.#channel]: cursor.id } }),
      ...(reader.types ? { types: reader.types } : {}),
      ...(state ? { getState: () => 'the state' } : {}),
      onEvent: (event) => {
        ok(!this.#inside.has(reader))
        reader.events.push(event)
      },
      ...(shared && !filter && !state
        ? {
            audience: this.#audience,
            onAudience: (inside) => void this.#inside[inside ? 'add' : 'delete'](reader),
          }
        : {}),
    })
    // Without a position it begins at an end of the history that is known to the model by now, or with a state there.
    if (reader.at === '+' && !state) reader.at = this.#beginning(reader)
    this.#readers.push(reader)
  }

  /** Where a subscriber without a position began: before its first event, or at its present position. */
  #beginning({ events, subscription }: Reader): string {
    const first = events.find(({ kind }) => kind === 'message')
    if (first) return `before ${first.id as string}`
    return this.#model.placeOf(subscription.cursors()[this.#channel] as string)
  }

  #change(what: 'pause' | 'resume' | 'leave', at: number): void {
    const reader = this.#readers[at % this.#readers.length]
    if (!reader) return
    saw(what)
    if (what === 'leave') {
      void reader.subscription.close()
      this.#readers.splice(this.#readers.indexOf(reader), 1)
    } else {
      reader.subscription[what]()
      reader.paused = what === 'pause'
    }
  }

  /** Takes the oldest events out of the history. */
  async #trim(count: number): Promise<void> {
    const ids = await this.#storedIds()
    const first = ids[Math.min(count, ids.length - 1)]
    if (first !== undefined) await this.#raw.xtrim(this.#key, 'MINID', first)
  }

  /** Events that are kept, and whose messages do not arrive, before one whose message does. */
  async #loseMessages(count: number): Promise<void> {
    for (let lost = 0; lost < count && !this.#model.empty; lost++) {
      const [epoch, offset, before] = this.#model.top.split('-') as [string, string, string]
      const id = `${epoch}-${Number(offset) + 1}`
      const data = String(this.#next++)
      const tag = createHash('sha1').update(`${before}\nsaid\n${data}`).digest('hex').slice(0, 6)
      const at = Math.max(this.#now, this.#model.lastAt)
      await this.#raw.xadd(this.#key, id, 't', 'said', 'd', data, 'g', tag, 'a', at)
      this.#model.add([{ id: `${id}-${tag}`, type: 'said', coalesce: undefined, expires: Infinity, at }])
    }
    await this.#together([ONE])
  }

  /** A failover that lost the last events: connections break, and the history continues without them. */
  async #rollBack(count: number): Promise<void> {
    const left = this.#model.rollBack(count)
    const ids = await this.#storedIds()
    if (left === 0 || ids.length <= count) return this.#lose('delete')
    const kept = await this.#raw.xrange(this.#key, '-', '+')
    await this.#raw.del(this.#key)
    for (const [id, fields] of kept.slice(0, -count)) await this.#raw.xadd(this.#key, id, ...fields)
    await this.#raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    // The ids of publishes that were lost are remembered, as after a failover they may be.
    await this.#together([ONE])
  }

  /** The history is gone; subscribers learn of it because their connections break, too, but `clear` tells them. */
  async #lose(how: 'delete' | 'flush' | 'forget' | 'clear' | 'roll back to nothing'): Promise<void> {
    const { empty } = this.#model
    // No two histories of a channel begin in one microsecond.
    await this.#setClock(this.#now + 1)
    if (how === 'clear') {
      await this.#notifier.clear(this.#channel)
      if (!empty) this.#model.lose()
      return
    }
    const [top] = (await this.#storedIds()).slice(-1)
    if (how === 'forget') await this.#raw.del(this.#beginnings)
    else if (how === 'flush') {
      this.#ids.clear()
      await this.#raw
        .multi()
        .flushall()
        .set(CLOCK_KEY, this.#now * 1000)
        .exec()
    } else await this.#raw.del(this.#key)
    if (how === 'roll back to nothing') {
      // As a replica has it that knows where the history was to begin, and none of its events.
      this.#model.rollBack(Infinity)
      if (top === undefined) return
      await this.#raw.zadd(this.#beginnings, top.split('-')[0] as string, this.#key)
    } else if (how === 'flush' || (how === 'forget') === empty) this.#model.lose()
    await this.#raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  }

  /** Somebody takes the newest event out of the stream, which knows that it was there. */
  async #deleteNewest(): Promise<void> {
    const [newest] = (await this.#storedIds()).slice(-1)
    if (newest === undefined) return
    await this.#raw.xdel(this.#key, newest)
    await this.#together([ONE])
  }

  async #pages(cursor: Given | undefined, count: number): Promise<void> {
    const start = cursor ?? { id: '-', at: 'oldest' }
    const good = this.#model.resumable(start.at, this.#now)
    const whole = this.#isGood(start)
    let { at, id: after } = start
    for (let end = false; !end;) {
      const page = await this.#notifier.history(this.#channel, { after, limit: count })
      if (after !== start.id) ok(!page.lost || !whole)
      else if (good !== 'unknown') equal(page.lost, !good)
      if (page.lost) at = this.#model.placeOf(page.position)
      ok(page.items.length <= count)
      for (const event of page.items) at = this.#goOn(at, event.id as string, undefined)
      at = page.position === after ? at : this.#goOn(at, page.position, undefined)
      after = page.position
      end = page.next === undefined
    }
    if (this.#model.empty) ok(isBeginning(after))
    else equal(after, this.#model.top)
  }

  async #setClock(ms: number): Promise<void> {
    this.#now = ms
    await this.#clock.set(ms * 1000)
  }

  async #storedIds(): Promise<readonly string[]> {
    return (await this.#raw.xrange(this.#key, '-', '+')).map(([id]) => id)
  }

  /** Waits until every reader that is not paused is at the end, and checks the events of each. */
  async #settle(): Promise<void> {
    this.#model.setStored(await this.#storedIds())
    await until(`all readers are at ${this.#model.top}`, () =>
      this.#readers.every(({ paused, subscription }) => paused || this.#isAtEnd(subscription)),
    )
    for (const reader of this.#readers) this.#check(reader)
  }

  #isAtEnd(subscription: NotifierSubscription): boolean {
    const id = subscription.cursors()[this.#channel] as string
    return this.#model.empty ? isBeginning(id) : id === this.#model.top
  }

  /** Whether the events after the place are stored, and known to be complete. */
  #isGood({ at }: Pick<Given, 'at'>): boolean {
    return this.#model.whole(at, this.#now)
  }

  #check(reader: Reader): void {
    const { events, types, paused, subscription, state } = reader
    const mayBeLost = !reader.good || !this.#isGood(reader)
    let resets = 0
    const before = reader.at
    const given = events.slice(reader.checked)
    for (const event of given) {
      reader.checked += 1
      if (event.kind === 'message') {
        ok(types?.includes(event.type) ?? true)
        reader.at = this.#goOn(reader.at, event.id as string, types)
        reader.id = event.id as string
        continue
      }
      saw(event.kind)
      resets += 1
      equal(event.kind, state ? 'state' : 'reset')
      if (reader.at !== '+') ok(mayBeLost, `a reset at ${reader.at}, which was good`)
      ok(isBeginning(event.id) ? this.#model.empty : this.#model.knows(event.id))
      reader.at = this.#model.placeOf(event.id)
      reader.id = event.id
    }
    ok(resets <= 1, `${resets} resets in one step, after ${before}: ${JSON.stringify(given)}`)
    const position = subscription.cursors()[this.#channel] as string
    // The beginnings of two histories may differ only in the time of their creation.
    if (position !== reader.id) reader.at = this.#goOn(reader.at, position, types)
    reader.id = position
    if (!paused) ok(this.#isAtEnd(subscription))
  }

  /** From a place to the next position: nothing may be missing between them. */
  #goOn(at: string, id: string, types: readonly string[] | undefined): string {
    const to = this.#model.placeOf(id)
    if (at === `before ${to}`) return to
    equal(this.#model.missing(at, to, this.#now, types), undefined, `from ${at} to ${to}`)
    return to
  }
}
