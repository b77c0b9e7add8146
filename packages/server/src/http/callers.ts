// Who may speak to this server at all: the host that a request names, the address that it comes from, the web page that sent
// it. Judged before anything of a body is read, on every route.

import type { IncomingMessage } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';
import { RequestError } from '@holdfast/core';
import ipaddr from 'ipaddr.js';

/** This machine as others may name it; read when it is needed, because addresses come and go. */
export interface Machine {
  name(): string;
  addresses(): readonly string[];
}

export const thisMachine: Machine = {
  name: hostname,
  addresses: () =>
    Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)),
};

export interface CallerRules {
  /** With `none` only near peers are served. */
  auth: 'none' | 'keys' | 'jwt';
  hosts: readonly string[];
  /** The config's list. Undefined: it has none, and each part of the server has its own rule. */
  corsOrigins: readonly string[] | undefined;
  machine: Machine;
}

/** Pages of other sites that may call: those listed, those whose host is loopback or private, any. */
export type Origins = readonly string[] | 'near' | 'any';

/** Answers what `Access-Control-Allow-Origin` says, if a page of another site may read the answer. Throws RequestError for who may not speak here at all. */
export function judgeCaller(
  { rawHeaders, headers, socket }: Pick<IncomingMessage, 'rawHeaders' | 'headers' | 'socket'>,
  { auth, hosts, machine }: Omit<CallerRules, 'corsOrigins'>,
  origins: Origins,
): string | undefined {
  const hostsGiven = rawHeaders.filter(
    (name, place) => place % 2 === 0 && name.toLowerCase() === 'host',
  ).length;
  checkHost(hostsGiven === 1 ? headers.host : undefined, { hosts, machine });
  if (auth === 'none') checkPeer(socket.remoteAddress, headers['x-forwarded-for']);
  return checkOrigin(headers.origin, { host: headers.host, origins });
}

/**
 * Against DNS rebinding: a page of another site can make a browser send requests here under that site's name, but not under
 * an address, a name that stands here, or one that no site can have. Throws RequestError `host_unknown`.
 */
function checkHost(host: string | undefined, known: { hosts: readonly string[]; machine: Machine }): void {
  const [, literal, plain] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host ?? '') ?? [];
  const name = (literal ?? plain)?.toLowerCase();
  if (name !== undefined && isKnown(name, known)) return;
  throw new RequestError('host_unknown', { field: 'host' });
}

function isKnown(name: string, { hosts, machine }: { hosts: readonly string[]; machine: Machine }): boolean {
  if (name === 'localhost' || hosts.includes(name)) return true;
  if (isAddress(name)) return isPrivate(name) || machine.addresses().some((own) => sameAddress(own, name));
  return isLocalName(name) || name === machine.name().toLowerCase();
}

/** As routers and machines of a local network give them: a word without dots, or one below an ending that no registry sells. */
function isLocalName(name: string): boolean {
  return /^[a-z0-9_-]+$/.test(name) ? !isNumber(name) : localEnding.test(name);
}

const localEnding =
  /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.(?:local|lan|home|internal|localdomain|intranet|corp|private|home\.arpa|fritz\.box)$/;

/** What a browser would take for an address, such as `0x7f000001`. */
function isNumber(name: string): boolean {
  return /^(?:0x[0-9a-f]*|\d+)$/.test(name);
}

/** Without authentication only near peers are served, also behind a proxy that says whom it speaks for. */
function checkPeer(address: string | undefined, forwardedFor: string | readonly string[] | undefined): void {
  const forwarded = [forwardedFor ?? []].flat().flatMap((part) => part.split(','));
  const all = [address ?? '', ...forwarded.map((part) => part.trim())];
  if (!all.every(isPrivate)) throw new RequestError('not_private', { field: 'address' });
}

/**
 * A browser names the page's origin with each request that could do harm. Answers the origin when it is on the list and so
 * may read the answer. Throws RequestError `origin_refused` for a page of another site.
 */
function checkOrigin(
  origin: string | undefined,
  known: { host: string | undefined; origins: Origins },
): string | undefined {
  if (origin === undefined) return undefined;
  if (known.origins === 'any') return '*';
  if (known.origins === 'near' ? isNear(origin) : known.origins.includes(origin)) return origin;
  const host = known.host?.toLowerCase() ?? '';
  if (host !== '' && (origin === `http://${host}` || origin === `https://${host}`)) return undefined;
  throw new RequestError('origin_refused', { field: 'origin' });
}

/** A page that this machine or one beside it serves, or that an app brought with it (`capacitor://localhost`). */
function isNear(origin: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\//.test(origin) || !URL.canParse(origin)) return false;
  const host = new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1');
  return host === 'localhost' || isPrivate(host);
}

const near: ReadonlySet<string> = new Set(['loopback', 'private', 'linkLocal', 'uniqueLocal']);

/** Loopback, private, link-local or unique-local; IPv4 within IPv6 counts as IPv4. */
export function isPrivate(address: string): boolean {
  return isAddress(address) && near.has(ipaddr.process(address).range());
}

/** In the plain four-part or IPv6 form: `127.1` and `0x7f000001` are no addresses here. */
function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
}

function sameAddress(a: string, b: string): boolean {
  return (
    isAddress(a) &&
    isAddress(b) &&
    ipaddr.process(a).toNormalizedString() === ipaddr.process(b).toNormalizedString()
  );
}
