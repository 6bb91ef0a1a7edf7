import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { unpackFromApt } from '../../packages/testing/src/server/apt.ts'
import { cachedServer, cacheFolder } from '../../packages/testing/src/server/cache.ts'
import { onPath } from '../../packages/testing/src/server/process.ts'
import { fakeProgram } from './helpers.ts'
import { machine, versionLine } from './machine.ts'
import type { PretendedMachine } from './machine.ts'

/** A distribution with these versions. Its packages contain a fake server. */
async function distribution(redis: string, valkey: string): Promise<PretendedMachine> {
  const pretended = await machine('linux')
  const bin = join(pretended.home, 'bin')
  const versions = `case $4 in redis-tools) v='${redis}';; *) v='${valkey}';; esac`
  await fakeProgram(
    join(bin, 'apt-cache'),
    `[ "$3" = policy ] && { ${versions}; echo "  Candidate: $v"; exit; }`,
    `printf '  Depends: %s\\n' adduser libc6 libjemalloc2`,
    `printf ' |Depends: libsystemd0\\n  Depends: libelogind0\\n'`,
  )
  await fakeProgram(
    join(bin, 'apt-get'),
    `echo "$*" >>"${pretended.home}/calls"`,
    `[ "$3" = download ] && : >one.deb`,
    'exit 0',
  )
  await fakeProgram(
    join(bin, 'dpkg-deb'),
    'for kind in Redis:redis Valkey:valkey; do',
    '  program="$3/usr/bin/${kind#*:}-check-rdb"',
    '  mkdir -p "$3/usr/bin"',
    `  { echo '#!/bin/sh'; echo "echo '\${kind%:*} server v=9.9.9'"; } >"$program"`,
    '  chmod +x "$program"',
    'done',
  )
  return { ...pretended, env: { ...pretended.env, PATH: `${bin}:/usr/bin:/bin` } }
}

async function downloads(pretended: PretendedMachine): Promise<string[]> {
  const calls = (await readFile(join(pretended.home, 'calls'), 'utf8')).split('\n')
  return calls.filter((call) => call.includes('download')).map((call) => call.split(' -q ')[1] ?? '')
}

test('redis-tools and its libraries are unpacked, and the log reports it', async () => {
  const pretended = await distribution('5:7.0.15-1~deb12u10', '(none)')
  expect(await unpackFromApt(pretended)).toMatchObject({ kind: 'redis' })
  expect(await downloads(pretended)).toEqual(['redis-tools libjemalloc2 libsystemd0'])
  expect(pretended.lines.join('\n')).toContain('unpacking redis 7.0.15')
})

test('where Redis is too old, Valkey is taken', async () => {
  const pretended = await distribution('5:6.0.16-1ubuntu1', '8.0.1+dfsg1-1')
  expect(await unpackFromApt(pretended)).toMatchObject({ kind: 'valkey' })
  expect(await downloads(pretended)).toEqual(['valkey-tools libjemalloc2 libsystemd0'])
})

test('where both are too old, nothing is downloaded and the cache stays empty', async () => {
  const pretended = await distribution('5:6.0.16-1ubuntu1', '7.2.5+dfsg1-2')
  await expect(unpackFromApt(pretended)).rejects.toThrow(
    'redis-tools only in version 6.0.16, valkey-tools only in version 7.2.5',
  )
  expect(await downloads(pretended)).toEqual([])
  expect(await readdir(cacheFolder(pretended))).toEqual([])
})

test('two processes that unpack at once end with one folder between them', async () => {
  const pretended = await distribution('5:7.0.15-1', '(none)')
  const [one, other] = await Promise.all([unpackFromApt(pretended), unpackFromApt(pretended)])
  expect(one).toEqual(other)
  expect(await readdir(cacheFolder(pretended))).toEqual([`redis-7.0.15-${process.arch}`])
})

test('a folder that was never finished is not used, and one that is broken is replaced', async () => {
  const pretended = await distribution('5:7.0.15-1', '(none)')
  const cache = cacheFolder(pretended)
  await fakeProgram(join(cache, '.unpacking-x', 'usr', 'bin', 'redis-server'), versionLine('Redis', '7.0.15'))
  await mkdir(join(cache, `redis-7.0.15-${process.arch}`, 'usr', 'bin'), { recursive: true })
  expect(await cachedServer(pretended)).toBeUndefined()
  const unpacked = await unpackFromApt(pretended)
  expect(await cachedServer(pretended)).toEqual(unpacked)
})

test(
  'the packages of this very distribution give a server that runs',
  { timeout: 180_000 },
  async (context) => {
    const noApt = (await onPath('apt-get', process.env)).length === 0
    if (noApt) context.skip('this machine has no apt-get')
    const pretended = await machine('linux')
    const real = { ...pretended, env: { ...pretended.env, PATH: process.env['PATH'] } }
    const unpacked = await unpackFromApt(real).catch((error: Error) => error)
    const tooOld = unpacked instanceof Error && /no server new enough/.test(unpacked.message)
    if (tooOld) context.skip(unpacked.message)
    expect(unpacked).toMatchObject({ command: expect.stringContaining(cacheFolder(real)) })
    expect(await cachedServer(real)).toEqual(unpacked)
  },
)
