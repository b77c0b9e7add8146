// crm: customers, orders, payments and projects; with a login, and four strategies for conflicts. README.md is the contract.

import { defineProtocol, type MountError } from '../mount.ts';
import { crmRoutes } from './routes.ts';
import { optionsShape } from './wire.ts';

export const crm = defineProtocol({
  options: optionsShape,
  collections: null,
  fields: {
    id: 'id',
    ids: { customers: 'customer_id', orders: 'order_id', payments: 'payment_id', projects: 'project_id' },
    time: 'updated_at',
  },
  counters: false,
  origins: 'near',
  gzip: true,
  create: (deps) => ({ routes: crmRoutes(deps), errorBody }),
});

function errorBody({ status, message, field }: MountError): unknown {
  if (field === undefined || (status !== 400 && status !== 413)) return { success: false, error: message };
  const path = field === '' ? 'body' : field;
  const why = message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
  const error = message.includes(path) ? message : `${path}: ${why}`;
  return { success: false, error, details: [{ path, message: why }] };
}
