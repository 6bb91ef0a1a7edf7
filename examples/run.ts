/** `pnpm example express|ingest|instant|koa|nudges|quota|report|standalone|threads|tickets|tokens|traffic|trial` */
const names = [
  'express',
  'ingest',
  'instant',
  'koa',
  'nudges',
  'quota',
  'report',
  'standalone',
  'threads',
  'tickets',
  'tokens',
  'traffic',
  'trial',
]
const [name = ''] = process.argv.slice(2)
if (names.includes(name)) await import(`./${name}/main.ts`)
else {
  console.error(`name one of ${names.join(', ')}, as in: pnpm example express`)
  process.exit(1)
}
