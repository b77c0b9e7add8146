// What DNS-SD says of a server: the records of RFC 6763, and which of them answer a question.

import type { QueryOutgoingPacket, ResponseOutgoingPacket } from 'multicast-dns';

export type Answer = ResponseOutgoingPacket['answers'][number];
export type Question = QueryOutgoingPacket['questions'][number];

export interface Service {
  /** What people call it. */
  name: string;
  /** Tells it from others of that name on the network. */
  id: string;
  version: string;
  port: number;
  addresses: readonly string[];
}

export const serviceType = '_holdfast._tcp.local';
const allTypes = '_services._dns-sd._udp.local';

const labelBytesMax = 63;
const hostSecondsMax = 120;
const otherSecondsMax = 4_500;

/** `secondsMax` 0 in all of them: the service ends. */
export function serviceRecords(service: Service, { ended }: { ended: boolean } = { ended: false }): Answer[] {
  const { name, id, version, port, addresses } = service;
  const instance = `${label(name, ` ${id}`)}.${serviceType}`;
  const target = `holdfast-${id}.local`;
  const ttl = (seconds: number): number => (ended ? 0 : seconds);
  const own = { class: 'IN', flush: true } as const;
  return [
    { type: 'PTR', name: allTypes, ttl: ttl(otherSecondsMax), data: serviceType },
    { type: 'PTR', name: serviceType, ttl: ttl(otherSecondsMax), data: instance },
    { ...own, type: 'SRV', name: instance, ttl: ttl(hostSecondsMax), data: { port, target } },
    {
      ...{ ...own, type: 'TXT', name: instance, ttl: ttl(otherSecondsMax) },
      data: [`name=${name}`, `version=${version}`],
    },
    ...addresses.map((data): Answer => ({ ...own, type: 'A', name: target, ttl: ttl(hostSecondsMax), data })),
  ];
}

export interface Found {
  answers: Answer[];
  additionals: Answer[];
}

/** The records that a question asks for, and those that whoever gets them asks for next. */
export function answersTo(questions: readonly Question[], records: readonly Answer[]): Found {
  const answers = records.filter((record) =>
    questions.some(
      ({ type, name }) =>
        (type === record.type || type === ('ANY' as never)) &&
        name.toLowerCase() === record.name.toLowerCase(),
    ),
  );
  const findsService = answers.some(({ type, name }) => type === 'PTR' && name === serviceType);
  const additionals = findsService
    ? records.filter((record) => record.type !== 'PTR' && !answers.includes(record))
    : [];
  return { answers, additionals };
}

const legacySecondsMax = 10;

/** For who asks from another port than multicast DNS's: like an answer of plain DNS, with nothing to be kept for long (RFC 6762, 6.7). */
export function legacyAnswer(
  { id, questions }: { id: number; questions: readonly Question[] },
  { answers, additionals }: Found,
): ResponseOutgoingPacket {
  const brief = (record: Answer): Answer => ({ ...record, ttl: legacySecondsMax, flush: false }) as Answer;
  return {
    id,
    questions: [...questions],
    answers: answers.map(brief),
    additionals: additionals.map(brief),
  };
}

/** One label: no dots, which would part it, and so many bytes as a label has. */
function label(name: string, behind: string): string {
  let text = '';
  for (const char of name.replaceAll('.', '-')) {
    if (Buffer.byteLength(text + char + behind) > labelBytesMax) break;
    text += char;
  }
  return text + behind;
}
