// What is foreseen is loaded at once: most plans need no second load.

import { describe, expect, test } from 'vitest';
import { mutation, patch, put, TestScope } from './plan.fixture.ts';

describe('one load is enough', () => {
  test('in a scope in which conflicts are open', () => {
    const scope = new TestScope();
    scope.replica('z').batch([mutation([put('shelves', 's1', { name: 'Z' })])]);
    scope.replica('a').batch([mutation([patch('shelves', 's1', { name: 'A' }, { base: 1 })])]);
    scope.replica('b').batch([mutation([patch('shelves', 's1', { name: 'B' }, { base: 1 })])]);
    expect(scope.stored.state.conflictsOpen).toBe(1);
    scope.replica('c').batch([mutation([put('items', 'i1', { name: 'Tea' })])]);
    expect(scope.rounds).toBe(1);
  });

  test('for what is refused at the door', () => {
    const scope = new TestScope();
    const [verdict] = scope.replica('a').batch([mutation([put('items', 'i1', { name: 7 })])]).verdicts;
    expect(verdict?.verdict).toBe('rejected');
    expect(scope.rounds).toBe(1);
  });

  test('for what comes without the right to write', () => {
    const scope = new TestScope();
    scope.replica('a', { right: 'read' }).batch([mutation([put('items', 'i1', { name: 'Tea' })])]);
    expect(scope.rounds).toBe(1);
  });
});
