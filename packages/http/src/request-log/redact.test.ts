import { expect, test } from 'vitest'

import { isSecretName, redact, REDACTED } from './redact.ts'

test.each([
  'token',
  'access_token',
  'X-Api-Key',
  'user[password]',
  'AUTHORIZATION',
  'pass%77ord',
  'Set-Cookie',
  'sig',
  'X-Amz-Signature',
  'code',
  'sid',
  'phpSessionId',
])('%s is the name of a secret', (name) => {
  expect(isSecretName(name)).toBe(true)
})

test.each(['page', 'postcode', 'keyboard', 'author', 'design', 'monkey', 'pinned', 'q'])(
  '%s is not',
  (name) => {
    expect(isSecretName(name)).toBe(false)
  },
)

test.each([
  ['/reset;token=hunter2', `/reset;token=${REDACTED}`],
  ['/cb%3Faccess_token%3Dhunter2', `/cb?access_token=${REDACTED}`],
  ['/cb?acc%65ss_tok%65n=hunter2', `/cb?access_token=${REDACTED}`],
  ['/cb?to%256ben=hunter2', `/cb?token=${REDACTED}`],
  ['next=/cb?token=hunter2&x=1', `next=/cb?token=${REDACTED}&x=1`],
  ['{"password":"hunter2 and more","x":1}', `{"password":${REDACTED},"x":1}`],
  ["{ password: 'hunter2' }", `{ password: ${REDACTED} }`],
  ['Authorization: Basic aHVudGVyMg== hunter2', `Authorization: ${REDACTED}`],
  ['cookie: a=hunter2; b=hunter2', `cookie: ${REDACTED}`],
  ['sent bearer hunter2hunter2 to it', `sent bearer ${REDACTED} to it`],
  ['got eyJhbGciOiJIUzI1NiJ9.hunter2.hunter2', `got ${REDACTED}`],
  ['http://ann:hunter2@host/path', `http://${REDACTED}@host/path`],
  ['token="abc\\"hunter2" x', `token=${REDACTED} x`],
  ['run --password hunter2 -v', `run --password ${REDACTED} -v`],
  ['//ann:hunter2@host/path', `//${REDACTED}@host/path`],
  ['{"tok\\u0065n":"hunter2"}', `{"token":${REDACTED}}`],
  ['password=hunter2?hunter2/hunter2', `password=${REDACTED}`],
])('%s loses its secret', (text, expected) => {
  expect(redact(text)).toBe(expected)
  expect(redact(redact(text))).toBe(expected)
})

test('text that is encoded more often than it is decoded is hidden', () => {
  let text = 'token=hunter2'
  for (let round = 0; round < 8; round++) text = encodeURIComponent(text).replaceAll('e', '%65')
  expect(redact(text)).toBe(REDACTED)
})

test.each([
  '/items/7',
  '/a:b/c=d',
  'code: 5',
  '/%E2%82%AC/%zz%',
  '/100%25',
  'Mozilla/5.0 (X11; Linux; rv:109.0)',
  '',
])('%s stays as it is', (text) => {
  expect(redact(text)).toBe(text)
})

test('the longest texts of any kind are handled in little time', () => {
  const began = performance.now()
  for (const part of ['a', '=', 'token', 'token=', '%25', '%', 'eyJ', 'bearer ', '://@', ' ', '"', 'a:'])
    redact(part.repeat(1024).slice(0, 1024))
  expect(performance.now() - began).toBeLessThan(200)
})
