import type { Handler } from '../plugin.ts'

/**
 * An adapter under test. `start` serves an application on 127.0.0.1 and a free port. The application has (all under
 * `options.mount` if given):
 *
 * - the body parser of `options.bodyParser`;
 * - the handlers, each as the middleware that the adapter under test makes of it, in this order;
 * - `GET /items/:id`, answering `{"id":"…"}` as JSON;
 * - `POST /echo`, answering with the bytes of the request body;
 * - 404 for everything else;
 * - the framework's own error handling: the answer's status is the error's `status`, else 500.
 */
export interface AdapterUnderTest {
  readonly name: string
  /** Whether the framework knows the pattern of the matched route. */
  readonly knowsRoutes: boolean
  /** Whether the framework finds the client's address behind a trusted proxy. */
  readonly knowsProxies: boolean
  /**
   * Whether the adapter sees the connections of clients. Otherwise it knows what the server shows of them: a response has left when
   * the server took its body, and a request was given up when its signal says so. Default: true.
   */
  readonly knowsConnections?: boolean
  /** Whether the server passes on targets such as `http://host/path` unchanged. Default: true. */
  readonly passesTargets?: boolean
  /**
   * Whether the server takes and gives only whole messages, as serverless ones do: no client leaves, and nothing arrives in parts.
   * Default: false.
   */
  readonly wholeMessages?: boolean
  start(handlers: readonly Handler[], options?: StartOptions): Promise<RunningServer>
}

export interface StartOptions {
  /** Where the handlers are mounted, such as '/api'; the routes are below it too. Default: at the root. */
  readonly mount?: string
  /** A parser above the handlers that consumes the body: 'text' keeps text, 'json' only the parsed value. */
  readonly bodyParser?: 'text' | 'json'
  /** Whether to trust the last address in `X-Forwarded-For`, which one proxy wrote. Default: false. */
  readonly trustProxy?: boolean
}

export interface RunningServer {
  /** 'http://127.0.0.1:12345', without a path. */
  readonly url: string
  /** The errors that the framework's error handling got so far. */
  readonly errors: readonly unknown[]
  /** Stops serving and closes all connections. */
  close(): Promise<void>
}

/** One claim of the contract. `run` throws an AssertionError if it is false. */
export interface ContractCase {
  readonly name: string
  /** Whether the claim is about this adapter. */
  applies(adapter: AdapterUnderTest): boolean
  run(adapter: AdapterUnderTest): Promise<void>
}

type Check = (server: RunningServer) => Promise<void>

/** Serves handlers, runs the check, and always stops the server. */
export function serve(
  adapter: AdapterUnderTest,
  handlers: readonly Handler[],
  check: Check,
  options: StartOptions = {},
): Promise<void> {
  return adapter.start(handlers, options).then(async (server) => {
    try {
      await check(server)
    } finally {
      await server.close()
    }
  })
}

export function claim(
  name: string,
  run: (adapter: AdapterUnderTest) => Promise<void>,
  applies: (adapter: AdapterUnderTest) => boolean = () => true,
): ContractCase {
  return { name, run, applies }
}

/** A promise with its `resolve`. */
export interface Later<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
}

export function later<T = void>(): Later<T> {
  let settle: ((value: T) => void) | undefined
  const promise = new Promise<T>((resolve) => {
    settle = resolve
  })
  return { promise, resolve: (value) => settle?.(value) }
}

/** For claims about connections. */
export function knowsConnections({
  knowsConnections: knows = true,
  wholeMessages,
}: AdapterUnderTest): boolean {
  return knows && !wholeMessages
}

/** For claims about clients that leave, and about messages that arrive in parts. */
export function hasClients({ wholeMessages = false }: AdapterUnderTest): boolean {
  return !wholeMessages
}
