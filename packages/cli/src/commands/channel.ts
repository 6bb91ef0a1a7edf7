import type { NotifierHistoryPage, NotifierMessage } from '@penknife/core'
import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { EXIT, Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { visible } from '../text.ts'

interface TailOptions {
  readonly last: string
  readonly follow: boolean
}

/** The most events that a tail shows of the history. */
const MOST = 200

export function channelCommands(program: Command, act: Act): void {
  program
    .command('channel')
    .description('channels of notifiers')
    .command('tail')
    .description('the last events of a channel, then new ones until Ctrl-C')
    .argument('<notifier>')
    .argument('<channel>')
    .option('-n, --last <n>', `events of the history: 0 to ${MOST}`, '10')
    .option('--no-follow', 'end after the history')
    .action(
      act<TailOptions>((session, [name = '', channel = ''], options) =>
        tail(session, name, channel, options),
      ),
    )
}

async function tail(
  session: Session,
  name: string,
  channel: string,
  { last, follow }: TailOptions,
): Promise<number> {
  const { inspector, output, signal } = session
  const count = Number(last)
  if (!Number.isInteger(count) || count < 0 || count > MOST)
    throw new Failure(EXIT.usage, `--last: give a whole number from 0 to ${MOST}`)
  const space = await session.space()
  let position = ''
  let items: NotifierMessage[] = []
  for (let after: string | undefined = '-'; after !== undefined;) {
    // Unlike `history` of the notifier, it writes nothing.
    const page: NotifierHistoryPage = await inspector.history(space, name, channel, { after, limit: MOST })
    items = [...items, ...page.items].slice(-MOST)
    position = page.position
    after = page.next
  }
  for (const item of count === 0 ? [] : items.slice(-count)) print(output, item)
  if (!follow) return EXIT.done
  output.progress(`following ${channel}`)
  const notifier = await inspector.notifier(space, name)
  // Without a history, from the first event of the next one.
  const from = { [channel]: position === '' ? '-' : position }
  try {
    for await (const event of notifier.events([channel], { from, signal })) {
      output.progress()
      if (event.kind === 'message') print(output, event)
      else output.warn(`${event.kind}: events before this one may be missing`)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return EXIT.done
}

/** An event as it is printed. The data are what was published, which may be anything. */
function plainOf({ id, channel, type, json }: NotifierMessage): object {
  return { id, channel, type, data: parsed(json) }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}

function print(output: Session['output'], event: NotifierMessage): void {
  if (output.json) output.data(plainOf(event), true)
  else {
    const { id, type, json } = event
    output.line(`${output.style.dim(visible(id ?? ''))}  ${visible(type)}  ${visible(json)}`)
  }
}
