import { BlockList } from 'node:net'

import { describe, expect, test } from 'vitest'

import { given } from './warn.ts'
import { ipKey, isListed, isPrivate, parseList } from './ip.ts'

describe('the key of an address', () => {
  test('an IPv4 address is its own key, mapped into IPv6 or not', () => {
    for (const ip of ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:c000:201', '0:0:0:0:0:ffff:192.0.2.1']) {
      expect(ipKey(ip)).toBe('192.0.2.1')
      expect(ipKey(ip, 8)).toBe('192.0.2.1')
    }
  })

  test('an IPv6 address counts for its /64, however it is written', () => {
    for (const ip of ['2001:db8:0:7::1', '2001:0DB8::7:ffff:0:0:2', '2001:db8:0:7:1:2:3:4']) {
      expect(ipKey(ip)).toBe('2001:db8:0:7::/64')
    }
    expect(ipKey('2001:db8:0:8::1')).toBe('2001:db8:0:8::/64')
    expect(ipKey('fe80::1%eth0')).toBe('fe80:0:0:0::/64')
    expect(ipKey('::1')).toBe('0:0:0:0::/64')
  })

  test('clients on IPv4 behind a translator to IPv6 do not share one network', () => {
    expect(ipKey('64:ff9b::192.0.2.1')).toBe('192.0.2.1')
    expect(ipKey('64:ff9b::c000:202')).toBe('192.0.2.2')
    expect(ipKey('64:ff9b:1::c000:202')).toBe('64:ff9b:1:0::/64')
    expect(isListed(parseList('deny', ['192.0.2.0/24']), '64:ff9b::c000:202')).toBe(true)
  })

  test('any prefix length works', () => {
    const ip = '2001:dbf:ffff:ffff:ffff:ffff:ffff:ffff'
    expect([1, 29, 48, 56, 127, 128].map((prefix) => ipKey(ip, prefix))).toEqual([
      '0::/1',
      '2001:db8::/29',
      '2001:dbf:ffff::/48',
      '2001:dbf:ffff:ff00::/56',
      '2001:dbf:ffff:ffff:ffff:ffff:ffff:fffe/127',
      '2001:dbf:ffff:ffff:ffff:ffff:ffff:ffff/128',
    ])
    expect(ipKey('ffff::', 1)).toBe('8000::/1')
  })

  test('a port, brackets, a zone and blanks around an address do not make another client', () => {
    for (const ip of [
      '203.0.113.9:50000',
      '203.0.113.9:1',
      ' 203.0.113.9',
      '[203.0.113.9]:80',
      '::ffff:203.0.113.9:50000',
      '[::ffff:203.0.113.9]:50000',
    ]) {
      expect(ipKey(ip), ip).toBe('203.0.113.9')
    }
    for (const ip of [
      '[2001:db8::1]:50001',
      '[2001:db8::1]',
      '[2001:db8::1%eth0]:50001',
      '2001:db8::1:50001',
      '2001:db8:0:0:1:2:3:4:50001',
    ]) {
      expect(ipKey(ip), ip).toBe('2001:db8:0:0::/64')
    }
    expect(ipKey('[fe80::1%eth0]:443', 128)).toBe('fe80:0:0:0:0:0:0:1/128')
  })

  test('all text that is not an address shares a key, and the first such text causes a warning that is safe for a log', async () => {
    const warnings: Error[] = []
    const record = (warning: Error): void => void warnings.push(warning)
    process.on('warning', record)
    given.clear()
    const texts = [
      'unknown\u009b31m',
      'a:b',
      ':::',
      '::ffff:1.2.3',
      '1.2.3.4:5678:9',
      '[1.2.3.4',
      'x'.repeat(9000),
    ]
    expect(texts.map((text) => ipKey(text))).toEqual(texts.map(() => 'no-address'))
    await new Promise(setImmediate)
    process.off('warning', record)
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('address is "unknown\ufffd31m", which is not an IP address'),
    ])
    // Nobody's address is a key function's own affair, and refused as an empty key.
    expect(ipKey('')).toBe('')
  })
})

describe('a list of networks', () => {
  const list = parseList('allow', ['192.0.2.7', '10.0.0.0/8', '2001:db8::/32', '::ffff:172.16.0.0/108'])

  test('finds addresses in any spelling, IPv4 mapped into IPv6 as well', () => {
    for (const ip of [
      '192.0.2.7',
      '::ffff:192.0.2.7',
      '::ffff:c000:207',
      '10.255.0.1',
      '::ffff:10.0.0.1',
      '172.31.0.1',
      '2001:db8:1::',
      '2001:0DB8::1',
      '10.0.0.1:50000',
      '[2001:db8::1]:50001',
      '[2001:db8::1%eth0]:50001',
    ]) {
      expect(isListed(list, ip), ip).toBe(true)
    }
    for (const ip of [
      '192.0.2.8',
      '11.0.0.1',
      '172.32.0.1',
      '2001:db9::',
      'unknown',
      '',
      '11.0.0.1:80',
      '10.0.0.1, 10.0.0.2',
      undefined,
    ]) {
      expect(isListed(list, ip), ip).toBe(false)
    }
  })

  test("node's own BlockList is used itself, so that it can grow", () => {
    const own = new BlockList()
    const grown = parseList('deny', own)
    own.addAddress('192.0.2.9')
    expect(isListed(grown, '192.0.2.9')).toBe(true)
  })

  test('text that is not a network is refused', () => {
    for (const entry of [
      '10.0.0.0/33',
      '::/129',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      'localhost',
      '10.0.0',
      '1.2.3.4/-1',
      7,
    ]) {
      expect(() => parseList('allow', [entry as string]), String(entry)).toThrow(
        /an entry of allow is .*CIDR|2001:db8/,
      )
    }
    expect(() => parseList('allow', '10.0.0.0/8' as never)).toThrow(/allow is "10.0.0.0\/8"/)
  })
})

test('private addresses are those that no client on the Internet has', () => {
  for (const ip of ['127.0.0.1', '::1', '10.1.2.3', '::ffff:192.168.0.1', 'fd00::1', 'fe80::1%eth0']) {
    expect(isPrivate(ip), ip).toBe(true)
  }
  for (const ip of ['8.8.8.8', '172.32.0.1', '2001:db8::1']) expect(isPrivate(ip), ip).toBe(false)
})
