/** The server of the log's cases on Koa. It is forked with a LogTask, sends its port, and on request its CPU time. */
import Koa, { type Middleware } from 'koa'
import morgan from 'koa-morgan'
import pinoLogger from 'koa-pino-logger'

import { koaOf } from '../harness/library.ts'
import { file, pinoTo } from './log-files.ts'
import { listening, spaceOf, task } from './server.ts'

/** Its types lack `logger`, which it passes on to pino-http. */
type Options = Parameters<typeof pinoLogger>[0]

/** Each set up as in its own documentation, writing to a file. */
const logs: Readonly<Record<string, () => Promise<Middleware> | Middleware>> = {
  async penknife() {
    const { requestLog } = await koaOf(task.library)
    return requestLog(await spaceOf(task), 'requests') as Middleware
  },
  pino: () => pinoLogger({ logger: pinoTo(false) } as unknown as Options),
  'pino buffered': () => pinoLogger({ logger: pinoTo(true) } as unknown as Options),
  morgan: () => morgan('combined', { stream: file() }),
}

const app = new Koa()
const log = logs[task.log]
if (log) app.use(await log())
app.use((context) => {
  context.body = 'hello'
})
listening(app.listen(0, '127.0.0.1'))
