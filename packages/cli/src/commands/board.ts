import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { EXIT, Failure } from '../failure.ts'

export function boardCommands(program: Command, act: Act): void {
  const board = program.command('board').description('leaderboards')
  board
    .command('top')
    .description('the best members')
    .argument('<board>')
    .argument('[count]', 'members: 1 to 1000', '10')
    .option('--window <name>', 'another window than the first')
    .action(
      act<{ window?: string }>(
        async ({ inspector, output, space }, [name = '', count = '10'], { window }) => {
          const of = await space()
          const opened = await inspector.leaderboard(of, name)
          const rows = await opened.top(Number(count), 1, window === undefined ? {} : { window })
          const used = window ?? opened.windows[0]
          output.either({ space: of, board: name, window: used, rows }, () => {
            output.line(output.style.dim(`window ${used ?? ''} of ${opened.windows.join(', ')}`))
            if (rows.length === 0) output.line('it has no members')
            else {
              output.table({
                head: ['RANK', 'SCORE', 'MEMBER'],
                rows: rows.map(({ rank, score, member }) => [rank, score, member]),
              })
            }
          })
          return EXIT.done
        },
      ),
    )
  board
    .command('remove')
    .description('removes a member from every window')
    .argument('<board>')
    .argument('<member>')
    .action(
      act(async ({ inspector, output, space }, [name = '', member = '']) => {
        const of = await space()
        const opened = await inspector.leaderboard(of, name)
        await output.confirm(`Remove ${member} from board ${name}?`)
        const removed = await opened.remove(member)
        if (!removed) throw new Failure(EXIT.no, `${member} is not on the board`)
        output.either({ space: of, board: name, member, removed: true }, () => output.line('removed'))
        return EXIT.done
      }),
    )
}
