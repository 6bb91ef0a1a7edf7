import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { Redis } from 'ioredis'
import { expect, onTestFinished } from 'vitest'

import { bundledProgram } from '../support/program.ts'
import { until } from '../support/until.ts'

const MAIN = fileURLToPath(new URL('../../examples/demo/main.ts', import.meta.url))

export interface RunningDemo {
  readonly url: string
  /** What it printed until it listened. */
  readonly greeting: string
  /** Sends a signal; resolves with the exit code when the process is gone. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

export interface DemoOptions {
  readonly redisUrl?: string
  readonly bundled?: boolean
  /** Whether it ends with the test. Otherwise the caller ends it. Default: true. */
  readonly forOneTest?: boolean
}

/**
 * Starts the demo as a separate process on a free port: bundled, or as `pnpm demo` does it, which takes longer. Resolves when its page
 * reports Redis as available.
 */
export async function startDemo(
  args: readonly string[] = [],
  { redisUrl = '', bundled = true, forOneTest = true }: DemoOptions = {},
): Promise<RunningDemo> {
  const program = bundled
    ? [bundledProgram('example-demo')]
    : ['--import', 'tsx', '--conditions=penknife-source', MAIN]
  const child = spawn(
    process.execPath,
    [...program, ...(args.includes('--port') ? [] : ['--port', '0']), ...args],
    { env: { ...process.env, PENKNIFE_REDIS_URL: redisUrl }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const gone = once(child, 'exit')
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal)
    await gone
    return child.exitCode
  }
  if (forOneTest) onTestFinished(() => void child.kill('SIGKILL'))
  await until(
    'the demo listens',
    () => {
      if (child.exitCode !== null) throw new Error(`the demo ended:\n${output}`)
      return output.includes('Ctrl-C stops')
    },
    30_000,
  )
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] as string
  await until('the demo reaches Redis', async () => (await health(url)) === 'ok')
  return { url, greeting: output, end }
}

export async function health(url: string): Promise<string> {
  return ((await (await fetch(`${url}/health`)).json()) as { status: string }).status
}

export function newVisitor(): string {
  return randomUUID()
}

/** Any request of a visitor. */
export function ask(
  { url }: RunningDemo,
  request: string,
  visitor: string,
  query: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const [method = '', path] = request.split(' ')
  return fetch(`${url}${path}?${new URLSearchParams({ visitor, ...query })}`, { method })
}

export async function json<Body>(response: Promise<Response>): Promise<Body> {
  return (await (await response).json()) as Body
}

/** A server-sent event. */
export interface SentEvent {
  readonly type: string
  readonly id: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface EventClient {
  /** The first event, past or future, for which `fits` is true. */
  find(what: string, fits: (event: SentEvent) => boolean): Promise<SentEvent>
  readonly seen: readonly SentEvent[]
  /** The position to resume from. */
  lastId(): string
  close(): void
}

/** As a browser's EventSource: connects, remembers the last id, and resumes from one by Last-Event-ID. */
export async function listen({ url }: RunningDemo, visitor: string, lastId?: string): Promise<EventClient> {
  const control = new AbortController()
  onTestFinished(() => control.abort())
  const response = await fetch(`${url}/events?visitor=${visitor}`, {
    signal: control.signal,
    headers: lastId === undefined ? {} : { 'Last-Event-ID': lastId },
  })
  const seen: SentEvent[] = []
  let last = lastId ?? ''
  let text = ''

  function take(block: string): void {
    const fields = new Map(block.split('\n').map((line) => splitOnce(line)))
    last = fields.get('id') ?? last
    const data = fields.get('data')
    if (data === undefined) return
    const parsed = (JSON.parse(data) as { data?: SentEvent['data'] }).data ?? {}
    seen.push({ type: fields.get('event') ?? 'message', id: last, data: parsed })
  }

  async function read(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true })
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) take(block)
    }
  }
  read().catch(() => {})
  await until('the first position', () => last !== '')

  return {
    seen,
    async find(what, fits) {
      await until(what, () => seen.some(fits))
      return seen.find(fits) as SentEvent
    },
    lastId: () => last,
    close: () => control.abort(),
  }
}

function splitOnce(line: string): [string, string] {
  const at = line.indexOf(':')
  return [line.slice(0, at), line.slice(at + 1).trimStart()]
}

/** Ends a demo with Ctrl-C, pressed once or twice: its private Redis and its data are gone. */
export async function endsAll(demo: RunningDemo, times: 1 | 2): Promise<void> {
  const raw = new Redis(/redis:\/\/[\d.:]+/.exec(demo.greeting)?.[0] as string)
  const redisPid = Number(/process_id:(\d+)/.exec(await raw.info('server'))?.[1])
  const [, folder] = (await raw.config('GET', 'dir')) as [string, string]
  raw.disconnect()
  expect(isRunning(redisPid)).toBe(true)
  if (times === 1) expect(demo.greeting).toContain(`kill -STOP ${redisPid} `)
  const events = await listen(demo, newVisitor())
  expect(existsSync(folder)).toBe(true)
  const ended = demo.end('SIGINT')
  if (times === 2) void demo.end('SIGINT')
  // Two signals may arrive as one.
  expect([0, times - 1]).toContain(await ended)
  await until('its Redis is gone', () => !isRunning(redisPid))
  expect(existsSync(folder)).toBe(false)
  events.close()
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
