/** The server of the log's cases on Express. It is forked with a LogTask, sends its port, and on request its CPU time. */
import express, { type RequestHandler } from 'express'
import morgan from 'morgan'
import { pinoHttp } from 'pino-http'

import { expressOf } from '../harness/library.ts'
import { file, LOG_FILE, pinoTo } from './log-files.ts'
import { listening, spaceOf, task } from './server.ts'

/** Each set up as in its own documentation, writing to a file. */
const logs: Readonly<Record<string, () => Promise<RequestHandler> | RequestHandler>> = {
  async penknife() {
    const { requestLog } = await expressOf(task.library)
    return requestLog(await spaceOf(task), 'requests')
  },
  pino: () => pinoHttp({ logger: pinoTo(false) }),
  'pino buffered': () => pinoHttp({ logger: pinoTo(true) }),
  morgan: () => morgan('combined', { stream: file() }),
}

const app = express()
const log = logs[task.log]
if (log) app.use(await log())
app.get('/items/:id', (_request, response) => void response.send('hello'))
listening(app.listen(0, '127.0.0.1'), LOG_FILE)
