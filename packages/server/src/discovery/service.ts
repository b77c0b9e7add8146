// Announces the server by multicast DNS (RFC 6762), and answers whoever asks for servers of its kind on the local network.

import type { Timer, TimerHandle } from '@holdfast/core';
import multicastDns from 'multicast-dns';
import { type Interfaces, isOnLink, reachableAddresses } from './interfaces.ts';
import { answersTo, legacyAnswer, type Service, serviceRecords } from './service-records.ts';

export interface ServiceDeps {
  timer: Timer;
  interfaces: () => Interfaces;
  /** Told once: then nobody is told of the server this way. */
  failed: (error: unknown) => void;
  /** Where multicast DNS is spoken; a test gives its own. */
  network?: multicastDns.Options | undefined;
}

export interface ServiceOptions extends Omit<Service, 'addresses'> {
  /** The address that the server is bound to. */
  host: string;
}

export interface AnnouncedService {
  /** Tells the network that the service ends. */
  stop(): Promise<void>;
}

const multicastPort = 5353;
/** As RFC 6762 has it: twice, a second apart. */
const againMs = 1_000;

export function announceService(deps: ServiceDeps, options: ServiceOptions): AnnouncedService {
  const mdns = multicastDns(deps.network);
  let failed = false;
  let again: TimerHandle | undefined;
  const records = (ended = false) => {
    const addresses = reachableAddresses(options.host, deps.interfaces());
    return serviceRecords({ ...options, addresses }, { ended });
  };
  const announce = (): void => mdns.respond(records());
  mdns.on('error', (error) => {
    if (!failed) deps.failed(error);
    failed = true;
    again?.cancel();
  });
  // Single networks that cannot be joined, and datagrams that are no DNS.
  mdns.on('warning', () => undefined);
  mdns.on('ready', () => {
    announce();
    again = deps.timer.after(againMs, announce);
  });
  mdns.on('query', ({ id = 0, questions = [] }, from) => {
    if (!isOnLink(from.address, deps.interfaces())) return;
    const found = answersTo(questions, records());
    if (found.answers.length === 0) return;
    if (from.port === multicastPort) mdns.respond(found);
    else mdns.respond(legacyAnswer({ id, questions }, found), from);
  });
  return {
    stop: () =>
      new Promise((resolve) => {
        again?.cancel();
        const end = (): void => mdns.destroy(resolve);
        if (failed) end();
        else mdns.respond(records(true), end);
      }),
  };
}
