// What happens in the demo, as data: who writes what, and when the network goes and comes. How it is done is in stage.ts.

export type DeviceName = 'till' | 'tablet' | 'phone';
export type CollectionName = 'suppliers' | 'items' | 'sales';

export type Write =
  | { type: 'put'; collection: CollectionName; id: string; fields: Readonly<Record<string, unknown>> }
  | { type: 'patch'; collection: CollectionName; id: string; fields: Readonly<Record<string, unknown>> }
  | { type: 'add'; collection: CollectionName; id: string; amounts: Readonly<Record<string, number>> };

export type Step =
  | { do: 'say'; text: string }
  /** One mutation. */
  | { do: 'write'; device: DeviceName; says: string; writes: readonly Write[] }
  /** The others show an item with these values, and nobody asked. */
  | { do: 'show'; devices: readonly DeviceName[]; id: string; fields: Readonly<Record<string, unknown>> }
  | { do: 'unplug'; devices: readonly DeviceName[] }
  | { do: 'plug'; device: DeviceName }
  /** It comes back, and is killed while half of what it sends is on its way. */
  | { do: 'killInPush'; device: DeviceName }
  | { do: 'restart'; device: DeviceName }
  /** It comes back, the server takes its work, and the answer never arrives. */
  | { do: 'cutAnswer'; device: DeviceName }
  /** All devices agree with the server. */
  | { do: 'agree' }
  | { do: 'conflicts' }
  | { do: 'decide'; device: DeviceName; side: 'server' | 'device'; says: string }
  | { do: 'correct'; device: DeviceName; says: string; writes: readonly Write[] };

export interface Scene {
  title: string;
  steps: readonly Step[];
}

/** Who they are, and how far their clocks are off. */
export const people: Readonly<Record<DeviceName, { name: string; clock: 'right' | '2099' }>> = {
  till: { name: 'the till at the bar', clock: 'right' },
  tablet: { name: 'the tablet in the store room', clock: 'right' },
  phone: { name: 'the manager’s phone', clock: '2099' },
};

export const deviceNames: readonly DeviceName[] = ['till', 'tablet', 'phone'];

function item(id: string, fields: { name: string; sku: string; quantity: number; price: number }): Write {
  return { type: 'put', collection: 'items', id, fields };
}

/** A sale and what it takes from the stock belong together: both count, or none. */
function sale(id: string, of: string, amount: number): Write[] {
  return [
    { type: 'put', collection: 'sales', id, fields: { item: of, amount } },
    { type: 'add', collection: 'items', id: of, amounts: { quantity: -amount } },
  ];
}

function change(collection: CollectionName, id: string, fields: Readonly<Record<string, unknown>>): Write {
  return { type: 'patch', collection, id, fields };
}

export const story: readonly Scene[] = [
  {
    title: 'A hotel, three devices, one server',
    steps: [
      {
        do: 'say',
        text: 'The till at the bar, the tablet in the store room and the manager’s phone: each has a whole database of its own. The clock of the phone is wrong: it says 2099.',
      },
      {
        do: 'write',
        device: 'tablet',
        says: 'books a delivery in: 24 gin, 60 tonic, the last bottle of vermouth',
        writes: [
          {
            type: 'put',
            collection: 'suppliers',
            id: 'acme',
            fields: { name: 'Acme Drinks', phone: '555-0100' },
          },
          item('gin', { name: 'Gin', sku: 'GIN-1', quantity: 24, price: 9 }),
          item('tonic', { name: 'Tonic', sku: 'TON-1', quantity: 60, price: 3 }),
          item('vermouth', { name: 'Vermouth', sku: 'VER-1', quantity: 1, price: 7 }),
        ],
      },
      { do: 'show', devices: ['till', 'phone'], id: 'gin', fields: { quantity: 24 } },
    ],
  },
  {
    title: 'The network is gone, and everybody works on',
    steps: [
      { do: 'unplug', devices: ['till', 'tablet', 'phone'] },
      { do: 'write', device: 'till', says: 'sells 3 gin', writes: sale('s1', 'gin', 3) },
      {
        do: 'write',
        device: 'till',
        says: 'sells 2 gin and 6 tonic to one guest',
        writes: [...sale('s2', 'gin', 2), ...sale('s3', 'tonic', 6)],
      },
      {
        do: 'write',
        device: 'till',
        says: 'sells the last bottle of vermouth',
        writes: sale('s4', 'vermouth', 1),
      },
      { do: 'write', device: 'tablet', says: 'sells that bottle, too', writes: sale('s5', 'vermouth', 1) },
      { do: 'write', device: 'tablet', says: 'hands out 4 gin to the kitchen', writes: sale('s6', 'gin', 4) },
      {
        do: 'write',
        device: 'till',
        says: 'sets the price of gin to 10 and tags it “bar”',
        writes: [change('items', 'gin', { price: 10, tags: ['bar'] })],
      },
      {
        do: 'write',
        device: 'phone',
        says: 'sets it to 12, tags it “spirits”, and calls it London gin (in 2099)',
        writes: [change('items', 'gin', { price: 12, tags: ['spirits'], name: 'London gin' })],
      },
      {
        do: 'write',
        device: 'phone',
        says: 'notes a new number of the supplier: 555-0142',
        writes: [change('suppliers', 'acme', { phone: '555-0142' })],
      },
      {
        do: 'write',
        device: 'tablet',
        says: 'notes another one: 555-0177',
        writes: [change('suppliers', 'acme', { phone: '555-0177' })],
      },
      {
        do: 'write',
        device: 'phone',
        says: 'adds a diet tonic, under a number that the tonic has already: TON-1',
        writes: [item('diet', { name: 'Diet tonic', sku: 'TON-1', quantity: 12, price: 3 })],
      },
      { do: 'say', text: 'All of it is on the disks of the devices. The server knows nothing yet.' },
    ],
  },
  {
    title: 'They come back, and it goes wrong',
    steps: [
      { do: 'plug', device: 'phone' },
      { do: 'killInPush', device: 'till' },
      { do: 'restart', device: 'till' },
      { do: 'cutAnswer', device: 'tablet' },
      { do: 'plug', device: 'tablet' },
      { do: 'agree' },
    ],
  },
  {
    title: 'What met, and how it was settled',
    steps: [
      { do: 'conflicts' },
      {
        do: 'decide',
        device: 'tablet',
        side: 'device',
        says: 'has rung them up: 555-0177 is right. The decision is made without a network, and sent later',
      },
      {
        do: 'correct',
        device: 'phone',
        says: 'gives the diet tonic a number of its own, DIE-1, and sends it again',
        writes: [item('diet', { name: 'Diet tonic', sku: 'DIE-1', quantity: 12, price: 3 })],
      },
      {
        do: 'write',
        device: 'till',
        says: 'calls the gin House gin. A clock that says 2099 does not stand in the way of what comes after it',
        writes: [change('items', 'gin', { name: 'House gin' })],
      },
      { do: 'show', devices: ['tablet', 'phone'], id: 'gin', fields: { name: 'House gin' } },
      { do: 'agree' },
    ],
  },
];
