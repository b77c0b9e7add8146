// Which store a URL names, as flags and environment variables give it.

import { resolve } from 'node:path';
import { ConfigError } from './config-error.ts';

/** The database's file. Throws a ConfigError for a store that this version has not; it does not repeat the URL, which may hold a password. */
export function readStoreUrl(url: string, given: { name: string; folder: string }): string {
  const { name, folder } = given;
  const [, scheme = '', rest = ''] = /^(?:jdbc:)?([a-z][a-z0-9+.-]*):(.*)$/is.exec(url) ?? [];
  const path = rest.replace(/^\/\/(?=\/)/, '');
  if (scheme.toLowerCase() === 'sqlite' && path !== '') return resolve(folder, path);
  const postgres = /^postgres(ql)?$/i.test(scheme);
  throw new ConfigError('config_invalid', {
    field: 'store',
    message: postgres
      ? `${name}: the store on PostgreSQL comes with a later version.`
      : `${name}: it is no URL of a store.`,
    help: 'Leave it out for SQLite in the data folder, or give sqlite:PATH.',
  });
}
