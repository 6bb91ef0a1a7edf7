import { mkdtempSync } from 'node:fs'
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findServer } from './find.ts'
import { onFreePort } from './ports.ts'
import { lastLines } from './process.ts'
import { ReplyError, send } from './resp.ts'
import { makeCertificate } from './tls.ts'
import { startWatchdog } from './watchdog.ts'
import type { Watchdog } from './watchdog.ts'

export interface RedisOptions {
  /** A free port of 127.0.0.1 (the default), or only the unix socket. */
  readonly listen?: 'tcp' | 'unix' | undefined
  /** Whether every write is on disk before its reply, and so survives kill(). Default false. */
  readonly persist?: boolean | undefined
  /** TLS instead of plain TCP, with a certificate made for this server, or with that of another one. Default false. */
  readonly tls?: boolean | Pick<PrivateRedis, 'dir'> | undefined
  /** Cluster mode, with the bus on port + 10000. Default false. */
  readonly cluster?: boolean | undefined
  /** More server arguments, such as ['--maxmemory', '10mb']. */
  readonly args?: readonly string[] | undefined
  /** Where to say what the search for a server does. Default: standard error. */
  readonly log?: ((line: string) => void) | undefined
}

export interface PrivateRedis extends AsyncDisposable {
  /** What ioredis takes: redis://, rediss://, or the path of the unix socket. */
  readonly url: string
  /** '127.0.0.1', or '' when it listens on its unix socket only. */
  readonly host: string
  /** 0 when it listens on its unix socket only. */
  readonly port: number
  /** The path of its unix socket, which is always there. */
  readonly socket: string
  readonly dir: string
  /** The server's own process id; another one after start(). */
  readonly pid: number
  /** False once it ended, by kill() or by a signal from outside. */
  readonly running: boolean
  /** The certificate to trust (PEM), with `tls`. */
  readonly ca?: string
  /** SIGKILL; resolves when the process is gone. The folder stays. */
  kill(): Promise<void>
  /** After kill(): starts on the same port and the same data. */
  start(): Promise<void>
  /** kill() and start(). */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void
  thaw(): void
  /** Ends the server and removes its folder; calling it again does nothing. */
  stop(): Promise<void>
}

const startWithinMs = 30_000

/** Starts a Redis that belongs to this process and is gone, with its folder, within seconds of its end. */
export async function startRedis(options: RedisOptions = {}): Promise<PrivateRedis> {
  const binary = await findServer(options.log)
  const dir = mkdtempSync(join(shortTemporaryFolder(), 'penknife-'))
  const watchdog = startWatchdog(binary, dir, [join(dir, 'redis.conf'), ...(options.args ?? [])])
  try {
    const ca = options.tls ? await certificate(options.tls, dir) : undefined
    const { port, pid } = await startOnFreePort(watchdog, dir, options)
    return privateRedis({ watchdog, dir, port, pid, ca })
  } catch (error) {
    await watchdog.close()
    throw error
  }
}

/** Puts a certificate into a server's folder; gives it as PEM. */
async function certificate(of: true | Pick<PrivateRedis, 'dir'>, dir: string): Promise<string> {
  if (of === true) return makeCertificate(dir)
  await Promise.all(['tls.key', 'tls.crt'].map((name) => copyFile(join(of.dir, name), join(dir, name))))
  return readFile(join(dir, 'tls.crt'), 'utf8')
}

interface Started {
  readonly watchdog: Watchdog
  readonly dir: string
  readonly port: number
  readonly pid: number
  readonly ca: string | undefined
}

function privateRedis({ watchdog, dir, port, ca, ...first }: Started): PrivateRedis {
  const socket = socketIn(dir)
  let pid = first.pid
  let stopped: Promise<void> | undefined

  async function start(): Promise<void> {
    if (stopped) throw new Error('this Redis was stopped: its folder is gone')
    if (watchdog.running()) throw new Error('this Redis is running already')
    pid = await startUntilReady(watchdog, dir)
  }
  function signal(name: NodeJS.Signals): void {
    if (!watchdog.running()) throw new Error('this Redis is not running')
    process.kill(pid, name)
  }
  async function end(): Promise<void> {
    await watchdog.close()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
  const stop = (): Promise<void> => (stopped ??= end())

  return {
    url: port === 0 ? socket : `${ca === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`,
    host: port === 0 ? '' : '127.0.0.1',
    port,
    socket,
    dir,
    get pid() {
      return pid
    },
    get running() {
      return watchdog.running()
    },
    ...(ca === undefined ? {} : { ca }),
    kill: () => watchdog.kill(),
    start,
    restart: async () => {
      await watchdog.kill()
      await start()
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function startOnFreePort(
  watchdog: Watchdog,
  dir: string,
  options: RedisOptions,
): Promise<{ readonly port: number; readonly pid: number }> {
  async function startOn(port: number): Promise<{ readonly port: number; readonly pid: number }> {
    await writeFile(join(dir, 'redis.conf'), configuration(dir, port, options))
    return { port, pid: await startUntilReady(watchdog, dir) }
  }

  try {
    return await (options.listen === 'unix' ? startOn(0) : onFreePort(options.cluster ?? false, startOn))
  } catch (error) {
    const { message } = error as Error
    const lacksTls = options.tls && /tls-[\s\S]*Bad directive/.test(message)
    throw lacksTls ? new Error(`the server found was built without TLS: ${message}`, { cause: error }) : error
  }
}

async function startUntilReady(watchdog: Watchdog, dir: string): Promise<number> {
  await rm(join(dir, 'server.log'), { force: true })
  const pid = await watchdog.start()
  const deadline = Date.now() + startWithinMs
  while (watchdog.running() && Date.now() < deadline) {
    if (await answers(socketIn(dir))) return pid
    await delay(5)
  }
  const ended = watchdog.running() ? `did not answer within ${startWithinMs} ms` : 'ended while it started'
  await watchdog.kill()
  const log = await readFile(join(dir, 'server.log'), 'utf8').catch(() => '')
  throw new Error(`Redis ${ended}. Its last words:\n${lastLines(log, 15)}`)
}

// Over the unix socket: another server that took the port first cannot answer there.
async function answers(socket: string): Promise<boolean> {
  try {
    await send({ socket }, ['PING'])
    return true
  } catch (error) {
    return error instanceof ReplyError && !error.message.startsWith('LOADING')
  }
}

function configuration(dir: string, port: number, options: RedisOptions): string {
  const { persist = false, tls = false, cluster = false } = options
  return [
    'bind 127.0.0.1',
    `port ${tls ? 0 : port}`,
    `unixsocket "${socketIn(dir)}"`,
    'unixsocketperm 700',
    `dir "${dir}"`,
    'save ""',
    `appendonly ${persist ? 'yes' : 'no'}`,
    'appendfsync always',
    ...(tls ? [`tls-port ${port}`, `tls-cert-file "${dir}/tls.crt"`, `tls-key-file "${dir}/tls.key"`] : []),
    ...(tls ? [`tls-ca-cert-file "${dir}/tls.crt"`, 'tls-auth-clients no'] : []),
    ...(cluster && tls ? ['tls-cluster yes', 'tls-replication yes'] : []),
    ...(cluster ? ['cluster-enabled yes', 'cluster-announce-ip 127.0.0.1'] : []),
    '',
  ].join('\n')
}

function socketIn(dir: string): string {
  return join(dir, 'redis.sock')
}

// The path of a unix socket has room for about 100 bytes.
function shortTemporaryFolder(): string {
  return Buffer.byteLength(join(tmpdir(), 'penknife-xxxxxx', 'redis.sock')) < 100 ? tmpdir() : '/tmp'
}
