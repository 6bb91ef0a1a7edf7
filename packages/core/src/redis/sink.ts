import { createClusterSink } from './cluster.ts'
import type { Link, Receiver } from './driver.ts'
import { isReply } from './failures.ts'
import type { Sent } from './sent.ts'
import type { Servers } from './servers.ts'
import type { CommandSink } from './sink-types.ts'

/** Whether the server of a slot replies to a GET in time; an error reply counts. Never rejects. */
export async function answersWithin(
  sink: CommandSink,
  slot: number,
  key: string,
  ms: number,
): Promise<boolean> {
  if (!sink.ready(slot)) return false
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => setImmediate(() => resolve(false)), ms).unref()
  })
  const answer = new Promise<boolean>((resolve) => {
    sink.send('get', [key], slot, {
      received: () => resolve(true),
      failed: (error) => resolve(isReply(error)),
    })
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

export function createSink({ commands, cluster }: Servers, onReady: () => void): CommandSink {
  commands.on('ready', onReady)
  const state = {
    get lastError() {
      return commands.lastError
    },
    get status() {
      return commands.status
    },
  }
  if (cluster) return Object.assign(state, createClusterSink(cluster, onReady))
  const link = commands as Link
  return Object.assign(state, {
    ready: () => link.ready,
    send: (command: string, args: readonly Sent[], _slot: number, receiver: Receiver<unknown>) =>
      link.send(command, args, receiver),
    together(run: () => void) {
      link.cork()
      try {
        run()
      } finally {
        link.uncork()
      }
    },
  })
}
