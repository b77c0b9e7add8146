// The records of a service, and what answers a question.

import { expect, test } from 'vitest';
import { answersTo, legacyAnswer, type Question, serviceRecords } from './service-records.ts';

const service = {
  ...{ name: 'Bar at St. Pauli', id: '3f9a1c', version: '1.2.3', port: 4870 },
  addresses: ['192.168.1.10', '10.0.0.2'],
};
const records = serviceRecords(service);
const instance = 'Bar at St- Pauli 3f9a1c._holdfast._tcp.local';
const ask = (type: string, name: string) => answersTo([{ type, name } as Question], records);
const kinds = (found: readonly { type: string }[]) => found.map(({ type }) => type);

test('who asks for servers gets the service, and with it its port and addresses', () => {
  const { answers, additionals } = ask('PTR', '_Holdfast._tcp.LOCAL');
  expect(answers).toMatchObject([{ type: 'PTR', data: instance }]);
  expect(additionals).toMatchObject([
    { type: 'SRV', name: instance, data: { port: 4870, target: 'holdfast-3f9a1c.local' } },
    { type: 'TXT', name: instance, data: ['name=Bar at St. Pauli', 'version=1.2.3'] },
    { type: 'A', name: 'holdfast-3f9a1c.local', data: '192.168.1.10' },
    { type: 'A', name: 'holdfast-3f9a1c.local', data: '10.0.0.2' },
  ]);
});

test('what a browser asks for next is answered, and nothing of others', () => {
  expect(kinds(ask('SRV', instance).answers)).toEqual(['SRV']);
  expect(kinds(ask('ANY', instance).answers)).toEqual(['SRV', 'TXT']);
  expect(kinds(ask('A', 'holdfast-3f9a1c.local').answers)).toEqual(['A', 'A']);
  expect(ask('PTR', '_services._dns-sd._udp.local').answers).toMatchObject([
    { data: '_holdfast._tcp.local' },
  ]);
  expect(ask('PTR', '_services._dns-sd._udp.local').additionals).toEqual([]);
  for (const [type, name] of [
    ['PTR', '_http._tcp.local'],
    ['AAAA', instance],
    ['SRV', 'other._holdfast._tcp.local'],
  ] as const)
    expect(ask(type, name)).toEqual({ answers: [], additionals: [] });
});

test('who speaks plain DNS gets its question again, and nothing to be kept for long', () => {
  const questions = [{ type: 'PTR', name: '_holdfast._tcp.local' } as Question];
  const answer = legacyAnswer({ id: 7, questions }, answersTo(questions, records));
  expect(answer).toMatchObject({ id: 7, questions });
  for (const record of [...answer.answers, ...(answer.additionals ?? [])])
    expect(record).toMatchObject({ ttl: 10, flush: false });
});

test('the end takes every record back', () => {
  const ttls = serviceRecords(service, { ended: true }).map((record) => ('ttl' in record ? record.ttl : -1));
  expect(ttls).toEqual([0, 0, 0, 0, 0, 0]);
});

test('a long name is cut between characters, so that its label fits with what tells it apart', () => {
  const [, found] = serviceRecords({ ...service, name: 'Café '.repeat(20) });
  const [label = ''] = String((found as { data: string }).data).split('.');
  expect(Buffer.byteLength(label)).toBeLessThanOrEqual(63);
  expect(label).toMatch(/^(Café )+.* 3f9a1c$/);
  expect(label.isWellFormed()).toBe(true);
});
