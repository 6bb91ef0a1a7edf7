import { expect, test } from 'vitest'

import { ipKey } from './ip-key.ts'

test('an IPv4 address is its own key, mapped into IPv6 or not', () => {
  for (const ip of ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:c000:201']) expect(ipKey(ip)).toBe('192.0.2.1')
})

test('an IPv6 address counts for its /64, however it is written', () => {
  for (const ip of ['2001:db8:0:7::1', '2001:0DB8::7:ffff:0:0:2', '2001:db8:0:7:1:2:3:4']) {
    expect(ipKey(ip)).toBe('2001:db8:0:7::/64')
  }
  expect(ipKey('2001:db8:0:8::1')).toBe('2001:db8:0:8::/64')
  expect(ipKey('fe80::1%eth0')).toBe('fe80:0:0:0::/64')
  expect(ipKey('::1')).toBe('0:0:0:0::/64')
})

test('what is no address is itself', () => {
  for (const text of ['unknown', 'a:b', ':::', '1.2.3.4:5678']) expect(ipKey(text)).toBe(text)
})
