import type { WorkerHandler, Stream, Worker, WorkerEvent, WorkerOptions } from '@penknife/core'
import type { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'

import { type Child, startProgram } from './child.ts'
import { until } from './until.ts'

/** A worker of this process and its events so far, without `started`. */
export interface Watched {
  readonly worker: Worker
  readonly events: readonly WorkerEvent[]
  /** What happened of one kind. */
  of<Kind extends WorkerEvent['kind']>(kind: Kind): readonly Extract<WorkerEvent, { kind: Kind }>[]
  /** Waits until something of that kind happened so many times. */
  saw(kind: WorkerEvent['kind'], times?: number): Promise<void>
}

/** Starts a worker that the test's end closes at once, whatever its handlers do. */
export function startWorker<T, Out = T>(
  stream: Stream<T, Out>,
  group: string,
  handler: WorkerHandler<Out>,
  options: WorkerOptions<Out> = {},
): Watched {
  const worker = stream.worker(group, handler, options)
  const events: WorkerEvent[] = []
  worker.on((event) => {
    if (event.kind !== 'started') events.push(event)
  })
  onTestFinished(() => worker.close({ deadline: 0 }))
  function of<Kind extends WorkerEvent['kind']>(kind: Kind): readonly Extract<WorkerEvent, { kind: Kind }>[] {
    return events.filter((event): event is Extract<WorkerEvent, { kind: Kind }> => event.kind === kind)
  }
  return {
    worker,
    events,
    of,
    saw: (kind, times = 1) => until(`${times} times ${kind}`, () => of(kind).length >= times),
  }
}

/** A message of a process that runs programs/worker.ts. */
export type WorkerNews =
  | { readonly started: string; readonly attempt: number }
  | { readonly aborted: string }
  | { readonly event: WorkerEvent['kind']; readonly id: string; readonly attempt: number }
  | { readonly closed: true }

/** A worker in a separate process. Its handler waits for instructions. */
export interface WorkerProcess {
  readonly child: Child
  /** Waits for a message and skips others. All messages so far are in `said`. */
  next(what: keyof NewsByName): Promise<WorkerNews>
  readonly said: readonly WorkerNews[]
  /** Tells the handler that waits, or will wait: to finish, to fail, or to end its process at once. */
  tell(word: 'finish' | 'fail' | 'die' | 'close' | 'close and fail'): Promise<void>
}

interface NewsByName {
  started: unknown
  aborted: unknown
  closed: unknown
  done: unknown
  lost: unknown
  dead: unknown
  failed: unknown
}

export interface WorkerProcessOptions extends WorkerOptions {
  readonly space?: string
  readonly stream?: string
  readonly group?: string
}

let processes = 0

export function startWorkerProcess(
  url: string,
  raw: Redis,
  options: WorkerProcessOptions = {},
): WorkerProcess {
  const { space = 'shop', stream = 'orders', group = 'billing', ...worker } = options
  processes += 1
  const orders = `test:orders-for-${processes}`
  const child = startProgram('worker', [url, orders, space, stream, group, JSON.stringify(worker)])
  const said: WorkerNews[] = []
  return {
    child,
    said,
    async next(what) {
      for (;;) {
        const news = await child.next<WorkerNews>()
        said.push(news)
        if (what in news || ('event' in news && news.event === what)) return news
      }
    },
    tell: async (word) => void (await raw.lpush(orders, word)),
  }
}
