import { tracingChannel } from 'node:diagnostics_channel'

import { Command, type Redis } from 'ioredis'

import type { Arg } from './script.ts'

/** Who is told once what became of a command or a call. */
export interface Receiver<Reply> {
  received(reply: Reply): void
  failed(error: unknown): void
}

/** What a command is sent with. */
export type Sent = Arg | Bulk

/** Something that is sent again and again, as the server reads it, a character for each byte. */
export class Bulk {
  readonly arg: Arg
  readonly text: string

  constructor(arg: Arg) {
    this.arg = arg
    this.text = bulk(arg)
  }
}

/** The arguments as ioredis takes them. */
export function argsOf(sent: readonly Sent[]): Arg[] {
  return sent.map((each) => (each instanceof Bulk ? each.arg : each))
}

/** Tells a receiver what comes of a promise. */
export function handOver(reply: Promise<unknown>, receiver: Receiver<unknown>): void {
  reply.then(
    (answer) => receiver.received(answer),
    (error: unknown) => receiver.failed(error),
  )
}

/** Where ioredis tells what it does; with `hasSubscribers` false nobody listens. */
const traced = tracingChannel('ioredis:command')

/**
 * Sends a command on a connection to one server.
 *
 * As `redis.call` does it, less what ioredis makes of a command for callers of its own: a promise, two wrappers, a copy of
 * the arguments. A call that travels alone notices it most. Who traces ioredis' commands
 * gets them from `redis.call`.
 */
export function send(redis: Redis, name: string, args: readonly Sent[], receiver: Receiver<unknown>): void {
  if (traced.hasSubscribers) {
    handOver(redis.call(name, argsOf(args)), receiver)
    return
  }
  void redis.sendCommand(new Direct(name, args, receiver) as unknown as Command)
}

/** What ioredis needs of a command; the rest it would find at Command. */
class Direct {
  readonly name: string
  readonly sent: readonly Sent[]
  readonly inTransaction = false
  /** Nobody listens: see `send`. */
  readonly isTraced = true
  // Of its own, not the class's: who wraps sendCommand calls them as plain functions.
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void

  constructor(name: string, sent: readonly Sent[], receiver: Receiver<unknown>) {
    this.name = name
    this.sent = sent
    this.resolve = (reply) => receiver.received(textOf(reply))
    this.reject = (error) => receiver.failed(error)
  }

  /** Strings come as bytes whatever the protocol, and nothing else of a reply depends on it. */
  setReplyContext(): void {}

  /** For who looks at a command, or at an error. */
  get args(): readonly Arg[] {
    return argsOf(this.sent)
  }

  toWritable(): Buffer {
    const { name } = this
    let text = `*${this.sent.length + 1}\r\n$${name.length}\r\n${name}\r\n`
    for (const each of this.sent) text += each instanceof Bulk ? each.text : bulk(each)
    return Buffer.from(text, 'latin1')
  }
}
Object.setPrototypeOf(Direct.prototype, Command.prototype)

function textOf(reply: unknown): unknown {
  if (typeof reply === 'number') return reply
  if (Array.isArray(reply)) return reply.map(textOf)
  return reply instanceof Buffer ? reply.toString() : reply
}

/** An argument as the server reads it, a character for each byte. */
function bulk(arg: Arg): string {
  const text = byteText(arg)
  return `$${text.length}\r\n${text}\r\n`
}

function byteText(arg: Arg): string {
  if (typeof arg === 'number') return String(arg)
  if (typeof arg !== 'string') return arg.toString('latin1')
  return Buffer.byteLength(arg) === arg.length ? arg : Buffer.from(arg).toString('latin1')
}
