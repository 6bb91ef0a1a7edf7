import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { userInfo } from 'node:os'

import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { EXIT, Failure } from '../failure.ts'
import type { Session } from '../session.ts'

interface UiOptions {
  readonly port: string
  readonly readOnly?: true
}

const LAST_PORT = 65_535
const CLOSE_MS = 1000

export function uiCommand(program: Command, act: Act): void {
  program
    .command('ui')
    .description('serves the dashboard on 127.0.0.1 until Ctrl-C, at an address that it prints')
    .option('--port <n>', 'the port; 0: any free one', '0')
    .option('--read-only', 'shows everything, and changes nothing')
    .action(act<UiOptions>((session, _args, options) => ui(session, options)))
}

async function ui(session: Session, { port, readOnly }: UiOptions): Promise<undefined> {
  const { penknife, output, signal } = session
  // Other users of the machine can connect too: only the printed address gets an answer.
  const path = `/${randomBytes(24).toString('base64url')}`
  const user = userName()
  // Loaded by this command alone, because it has the whole page.
  const { dashboard } = await import('@penknife/dashboard/node')
  const serve = dashboard(penknife, {
    path,
    readOnly: readOnly === true,
    authorize: () => ({ user, role: 'operate' }),
  })
  const server = createServer((request, response) => {
    serve(request, response).then(
      (continues) => continues && response.writeHead(404).end(),
      () => response.writeHead(500).end(),
    )
  })
  await listen(server, port)
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}/`
  output.either({ url }, () => {
    output.line(url)
    output.warn(`${readOnly ? 'Read only. ' : ''}Everybody with this address may use it. Ctrl-C ends it.`)
  })
  if (!signal.aborted) await once(signal, 'abort')
  await serve.close({ deadline: CLOSE_MS })
  server.closeAllConnections()
  server.close()
}

async function listen(server: Server, given: string): Promise<void> {
  const port = /^\d{1,5}$/.test(given) ? Number(given) : -1
  if (port < 0 || port > LAST_PORT)
    throw new Failure(EXIT.usage, `--port: give a number from 0 to ${LAST_PORT}`)
  server.listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Failure(
      EXIT.usage,
      code === 'EADDRINUSE' ? `port ${port} is in use: give another --port` : `--port: ${message}`,
    )
  }
}

/** For the audit. */
function userName(): string {
  try {
    return userInfo().username.slice(0, 100) || 'command line'
  } catch {
    // A container may run with a user id that has no name.
    return 'command line'
  }
}
