import { tracingChannel } from 'node:diagnostics_channel'
import type { Command, Redis } from 'ioredis'

import { argsOf, bulk, Bulk, type CommandArg } from '../command-args.ts'
import { handOver, type Receiver } from '../driver.ts'
import type { Arg } from '../script.ts'
import { toFailure } from './errors.ts'

/** The channel on which ioredis reports its commands. */
const traced = tracingChannel('ioredis:command')

/** Sends a command on a connection to one server. */
export type Send = (name: string, args: readonly CommandArg[], receiver: Receiver<unknown>) => void

/**
 * Sends commands as `redis.call` does, but without the promise, the two wrappers and the copy of the arguments that ioredis
 * creates for each command. That matters most for a call that is sent alone. While a tracer listens to ioredis' commands,
 * `redis.call` is used.
 */
export function createSend(redis: Redis): Send {
  const Direct = directOf(commandOf(redis))
  return (name, args, receiver) => {
    if (traced.hasSubscribers) handOver(call(redis, name, argsOf(args)), receiver)
    else void redis.sendCommand(new Direct(name, args, receiver) as unknown as Command)
  }
}

/** Rejects as `Receiver.failed`. Strings become text here, because that takes ioredis longer. */
export async function call(
  connection: { callBuffer: Redis['callBuffer'] },
  name: string,
  args: readonly Arg[],
): Promise<unknown> {
  try {
    return textOf(await connection.callBuffer(name, args as Arg[]))
  } catch (error) {
    throw toFailure(error)
  }
}

/** The prototype of commands in the connection's copy of ioredis, which penknife cannot import. */
export function commandOf(redis: Redis): object {
  let prototype: object | undefined
  const catcher = Object.create(redis) as Redis
  catcher.sendCommand = (command) => void (prototype = Object.getPrototypeOf(command) as object)
  void catcher.call('ping')
  return prototype as unknown as object
}

type DirectClass = new (name: string, sent: readonly CommandArg[], receiver: Receiver<unknown>) => object

/** One for each copy of ioredis in this process. */
const classes = new WeakMap<object, DirectClass>()

function directOf(command: object): DirectClass {
  const known = classes.get(command)
  if (known) return known

  /** The parts of a command that ioredis needs. It finds the others at its own Command, the prototype. */
  class Direct {
    readonly name: string
    readonly sent: readonly CommandArg[]
    readonly inTransaction = false
    /** Not traced, see `createSend`. */
    readonly isTraced = true
    // Own properties, because wrappers of sendCommand call them as plain functions.
    readonly resolve: (reply: unknown) => void
    readonly reject: (error: unknown) => void

    constructor(name: string, sent: readonly CommandArg[], receiver: Receiver<unknown>) {
      this.name = name
      this.sent = sent
      this.resolve = (reply) => receiver.received(textOf(reply))
      this.reject = (error) => receiver.failed(toFailure(error))
    }

    /** Nothing to do: strings arrive as bytes under both protocols, and nothing else of a reply depends on it. */
    setReplyContext(): void {}

    /** For tracers, and for ioredis' errors. */
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
  Object.setPrototypeOf(Direct.prototype, command)
  classes.set(command, Direct)
  return Direct
}

/** Changes the lists of a reply, which nothing else has. */
function textOf(reply: unknown): unknown {
  if (typeof reply === 'number') return reply
  // Before buffers: to find that a list is no instance of a class takes longer.
  if (Array.isArray(reply)) {
    const items: unknown[] = reply
    for (let at = 0; at < items.length; at++) items[at] = textOf(items[at])
    return items
  }
  if (reply instanceof Buffer) {
    const byte = reply[0] as number
    // Such as the name of a field. Node.js has these strings already.
    return reply.length === 1 && byte < 128 ? String.fromCharCode(byte) : reply.toString()
  }
  return reply instanceof Error ? toFailure(reply) : reply
}
