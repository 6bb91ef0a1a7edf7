import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { EXIT } from '../failure.ts'
import { visible } from '../text.ts'
import { parts, printSubject, subjectOf } from './limits.ts'

export function explainCommands(program: Command, act: Act): void {
  const explain = program
    .command('explain')
    .description('why a call is denied, an entry waits, or a lock is taken')
  parts(
    explain
      .command('subject')
      .description('why a call of a subject is denied, and when it can pass')
      .argument('<limiter>')
      .argument('[subject]')
      .option('--cost <n>', 'the cost of the call', '1'),
  ).action(
    act<{ cost: string; part?: readonly string[] }>(
      async ({ inspector, output, space }, [name = '', text], { cost, ...subject }) => {
        const found = await inspector.explainSubject(await space(), name, subjectOf(text, subject), {
          cost: Number(cost),
        })
        output.either(found, () => printSubject(output, found))
        return EXIT.done
      },
    ),
  )
  explain
    .command('entry')
    .description('why an entry of a work queue with one group does not run')
    .argument('<stream>')
    .argument('<id>')
    .action(
      act(async ({ inspector, output, space }, [name = '', id = '']) => {
        const found = await inspector.explainEntry(await space(), name, id)
        const why = found.reason === found.state ? '' : ` (${found.reason})`
        output.either(found, () =>
          output.line(`${output.style.bold(found.state)}${why}  ${visible(found.text)}`),
        )
        return found.state === 'gone' ? EXIT.no : EXIT.done
      }),
    )
  explain
    .command('lock')
    .description('who has a lock, until when, and how many wait')
    .argument('<lock>')
    .argument('<key>')
    .action(
      act(async ({ inspector, output, space }, [name = '', key = '']) => {
        const found = await inspector.explainLock(await space(), name, key)
        output.either(found, () => output.line(`${output.style.bold(found.reason)}  ${visible(found.text)}`))
        return EXIT.done
      }),
    )
}
