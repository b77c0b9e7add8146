// Where beacons go, for machines with one network, several, or none.

import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { beaconPaths, isOnLink, reachableAddresses } from './interfaces.ts';

const one = (address: string, netmask: string, internal = false): NetworkInterfaceInfo => ({
  ...{ address, netmask, internal, family: 'IPv4', mac: '00:00:00:00:00:00', cidr: null },
});

const interfaces = {
  lo: [one('127.0.0.1', '255.0.0.0', true)],
  eth0: [
    one('192.168.1.10', '255.255.255.0'),
    {
      ...{ address: 'fe80::1', netmask: 'ffff:ffff:ffff:ffff::', internal: false, family: 'IPv6' as const },
      ...{ mac: '00:00:00:00:00:00', cidr: null, scopeid: 2 },
    },
  ],
  wlan0: [one('10.7.200.9', '255.255.240.0')],
  tun0: [one('172.16.0.5', '255.255.255.255')],
};

test('a beacon goes to each network’s broadcast address and to this machine, with the address by which it leaves', () => {
  const expected = [
    { from: '192.168.1.10', to: '192.168.1.255' },
    { from: '10.7.200.9', to: '10.7.207.255' },
    { from: '127.0.0.1', to: '127.0.0.1' },
  ];
  expect(beaconPaths('0.0.0.0', interfaces)).toEqual(expected);
  expect(beaconPaths('::', interfaces)).toEqual(expected);
});

test('a server on one address tells of that one alone', () => {
  expect(beaconPaths('10.7.200.9', interfaces)).toEqual([
    { from: '10.7.200.9', to: '10.7.207.255' },
    { from: '10.7.200.9', to: '127.0.0.1' },
  ]);
  expect(reachableAddresses('10.7.200.9', interfaces)).toEqual(['10.7.200.9']);
});

test.each(['127.0.0.1', '127.0.0.5', 'localhost', '::1'])(
  'bound to %s it tells this machine alone',
  (host) => {
    expect(beaconPaths(host, interfaces)).toEqual([{ from: '127.0.0.1', to: '127.0.0.1' }]);
    expect(reachableAddresses(host, interfaces)).toEqual([]);
  },
);

test('without a network there is only this machine', () => {
  expect(beaconPaths('0.0.0.0', { lo: interfaces.lo, gone: undefined })).toEqual([
    { from: '127.0.0.1', to: '127.0.0.1' },
  ]);
});

test('others reach the server on every network', () => {
  expect(reachableAddresses('0.0.0.0', interfaces)).toEqual(['192.168.1.10', '10.7.200.9', '172.16.0.5']);
});

test.each([
  ['192.168.1.77', true],
  ['192.168.2.77', false],
  ['10.7.207.1', true],
  ['10.7.208.1', false],
  ['127.0.0.1', true],
  ['8.8.8.8', false],
  ['172.16.0.6', false],
])('whether %s is on a network of this machine: %s', (peer, near) => {
  expect(isOnLink(peer, interfaces)).toBe(near);
});
