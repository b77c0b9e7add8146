// Each endpoint of hims, black box: what a client sends, and what it gets.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { at, item, startHims, type TestHims } from './hims.fixture.ts';

let hims: TestHims;
beforeEach(async () => {
  hims = await startHims();
});
afterEach(() => hims.close());

describe('about the server', () => {
  test('/ping', async () => {
    expect(await hims.ask('GET', '/ping')).toEqual({
      status: 200,
      body: {
        success: true,
        message: 'HIMS Sync Server is running',
        serverIP: '192.168.1.10',
        timestamp: at(0),
        version: '1.0.0',
      },
    });
  });

  test('/info', async () => {
    await hims.push('till-1', {});
    expect((await hims.ask('GET', '/info')).body).toEqual({
      success: true,
      data: {
        name: 'HIMS Master Server',
        version: '1.0.0',
        serverIP: '192.168.1.10',
        port: 5000,
        activeDevices: 1,
        uptime: 3_600.5,
        timestamp: at(0),
      },
    });
  });
});

describe('devices', () => {
  test('register, and again with another name', async () => {
    const register = (name: string) =>
      hims.ask('POST', '/devices/register', { uuid: 'till-1', name, role: 'client' });
    expect(await register('Front desk')).toEqual({
      status: 200,
      body: {
        success: true,
        message: 'Device registered successfully',
        data: { uuid: 'till-1', name: 'Front desk', ipAddress: '127.0.0.1', registered: true },
      },
    });
    hims.clock.wall += 61_000;
    await register('Bar');
    const shown = {
      uuid: 'till-1',
      name: 'Bar',
      ip_address: '127.0.0.1',
      role: 'client',
      last_seen: at(61_000),
      is_active: 1,
    };
    expect((await hims.ask('GET', '/devices')).body).toEqual({
      success: true,
      message: 'Found 1 active devices',
      data: [shown],
    });
    expect((await hims.ask('GET', '/devices/till-1')).body).toEqual({ success: true, data: shown });
  });

  test('one that pushes is registered by its id', async () => {
    await hims.push('till-9', { stock_items: [item('a', 0)] });
    expect((await hims.ask('GET', '/devices/till-9')).body.data).toMatchObject({
      uuid: 'till-9',
      name: 'till-9',
      ip_address: '127.0.0.1',
      role: 'client',
      is_active: 1,
    });
  });

  test('one that only pulls was seen, too, to the minute; one that is not known stays so', async () => {
    await hims.ask('POST', '/devices/register', { uuid: 'till-1', name: 'Bar', role: 'desk' });
    const seen = async () => (await hims.ask('GET', '/devices/till-1')).body.data;
    hims.clock.wall += 59_999;
    await hims.pull('till-1', {});
    expect(await seen()).toMatchObject({ last_seen: at(0) });
    hims.clock.wall += 1;
    await hims.pull('till-1', {});
    expect(await seen()).toMatchObject({ last_seen: at(60_000), name: 'Bar', role: 'desk' });
    await hims.pull('stranger', {});
    expect((await hims.ask('GET', '/devices/stranger')).status).toBe(404);
  });

  test('of any name that has two hundred characters is found by it', async () => {
    const uuid = 'é/'.repeat(100);
    await hims.ask('POST', '/devices/register', { uuid, name: 'Bar' });
    const { status, body } = await hims.ask('GET', `/devices/${encodeURIComponent(uuid)}`);
    expect({ status, body }).toMatchObject({ status: 200, body: { data: { uuid } } });
    expect((await hims.ask('GET', `/conflicts/${encodeURIComponent(uuid)}`)).status).toBe(200);
  });

  test.each([
    ['no name', { uuid: 'a' }, 'name'],
    ['no id', { name: 'a' }, 'uuid'],
    ['an empty name', { uuid: 'a', name: '' }, 'name'],
    ['an id of 201 characters', { uuid: 'x'.repeat(201), name: 'a' }, 'uuid'],
    ['a role that is no text', { uuid: 'a', name: 'a', role: 5 }, 'role'],
  ])('with %s is refused by name', async (_what, body, named) => {
    const answer = await hims.ask('POST', '/devices/register', body);
    expect(answer).toMatchObject({ status: 400, body: { success: false } });
    expect(answer.body.message).toContain(named);
  });

  test('one that only pulls is not', async () => {
    await hims.pull('till-9');
    expect(await hims.ask('GET', '/devices/till-9')).toMatchObject({
      status: 404,
      body: { success: false, message: 'There is no such device.' },
    });
  });
});
