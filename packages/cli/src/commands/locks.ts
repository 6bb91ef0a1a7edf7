import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { EXIT, Failure } from '../failure.ts'
import { allPages } from '../pages.ts'
import type { Session } from '../session.ts'
import { ago } from '../spans.ts'
import { visible } from '../text.ts'

export function lockCommands(program: Command, act: Act): void {
  const locks = program.command('locks').description('locks: who has one, and who waits')
  locks
    .command('show', { isDefault: true })
    .description('the names of locks, or the state of one lock')
    .argument('[lock]')
    .argument('[key]')
    .action(act((session, [name, key]) => show(session, name, key)))
  locks
    .command('release')
    .description('ends the lease of the holder of a lock; the first waiting caller gets it')
    .argument('<lock>')
    .argument('<key>')
    .action(act((session, [name = '', key = '']) => release(session, name, key)))
}

async function show(session: Session, name: string | undefined, key: string | undefined): Promise<undefined> {
  const { inspector, output } = session
  const of = await session.space()
  if (name !== undefined && key !== undefined) {
    const found = await inspector.explainLock(of, name, key)
    output.either(found, () => output.line(visible(found.text)))
    return
  }
  if (name !== undefined)
    throw new Failure(EXIT.usage, 'give the key of the lock as well: its keys are not listed')
  const locks = await allPages((page) => inspector.objects(of, { ...page, feature: 'lock' }))
  output.either(locks, () => {
    if (locks.length === 0) output.line('no lock is registered')
    else output.table({ head: ['LOCK', 'SEEN'], rows: locks.map((lock) => [lock.name, ago(lock.seenAtMs)]) })
  })
}

async function release({ inspector, output, space }: Session, name: string, key: string): Promise<number> {
  const of = await space()
  const found = await inspector.explainLock(of, name, key)
  if (found.fence === undefined) throw new Failure(EXIT.no, found.text)
  await output.confirm(
    `${found.text} It goes on with its work until its next renewal. Release the lock ${key} of ${name}?`,
  )
  const released = await inspector.forceRelease(of, name, key, found.fence)
  output.either({ space: of, lock: name, key, fence: found.fence, released }, () =>
    output.line(released ? 'released' : 'not released: that lease has ended'),
  )
  return released ? EXIT.done : EXIT.no
}
