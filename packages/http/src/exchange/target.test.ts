import { expect, test } from 'vitest'

import { pathAndQuery } from './target.ts'

test('an absolute target loses scheme, user and host', () => {
  for (const host of ['x', 'x:80', 'ann:secret@x', '[2001:db8::1]:80', 'sub-domain.example'])
    expect(pathAndQuery(`http://${host}/a/b?q=1`)).toBe('/a/b?q=1')
  expect(pathAndQuery('http://x')).toBe('/')
  expect(pathAndQuery('HTTP://x?q=1')).toBe('/?q=1')
})

test.each(['x;', 'x%', "x'", 'x:y', ';', '%', "'", 'ann:secret@x;', 'x y', 'x|', 'a;b@x'])(
  'a target whose host is %o, of which frameworks make something else, is on no route',
  (host) => {
    const path = pathAndQuery(`http://${host}/admin/board/top`)
    expect(path).toMatch(/^\/\//)
    expect(path).not.toContain('secret')
  },
)
