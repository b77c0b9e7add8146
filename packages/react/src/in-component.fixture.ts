// Renders a component that calls a hook, in a document without a browser.

import type { ReplicaScope } from '@holdfast/client';
import type { Schema } from '@holdfast/core';
import { Window } from 'happy-dom';
import { Component, createElement, type ReactNode, StrictMode } from 'react';
import type { ReplicaHooks } from './create-hooks.ts';

/** What React looks for. The globals come before react-dom is loaded, which reads them then. */
const page = new Window();
Object.assign(globalThis, { window: page, document: page.document });

export interface Rendered<Value> {
  /** What the hook answered at each render. */
  values: Value[];
  /** What it threw to the error boundary. */
  errors: unknown[];
  /** Lets all that is under way come to its end, and answers what the hook answered last. */
  latest(): Promise<Value | undefined>;
  /** Renders anew, below another scope if one is given. */
  again(scope?: unknown): Promise<void>;
  unmount(): Promise<void>;
}

export interface InComponent<S extends Schema, Value> {
  hook: () => Value;
  ScopeProvider: ReplicaHooks<S>['ScopeProvider'];
  scope: ReplicaScope<S> | undefined;
}

export async function inComponent<S extends Schema, Value>({
  hook,
  ScopeProvider,
  scope,
}: InComponent<S, Value>): Promise<Rendered<Value>> {
  const { createRoot } = await import('react-dom/client');
  const values: Value[] = [];
  const errors: unknown[] = [];
  const Caller = (): ReactNode => {
    values.push(hook());
    return null;
  };
  const root = createRoot(document.createElement('div'), { onCaughtError: (error) => errors.push(error) });
  const render = async (below: ReplicaScope<S> | undefined): Promise<void> => {
    const caller = createElement(Boundary, null, createElement(Caller));
    const inside = below ? createElement(ScopeProvider, { scope: below }, caller) : caller;
    root.render(createElement(StrictMode, null, inside));
    await turns();
  };
  await render(scope);
  return {
    values,
    errors,
    latest: async () => {
      await turns();
      return values.at(-1);
    },
    again: (other) => render((other as ReplicaScope<S> | undefined) ?? scope),
    unmount: async () => {
      root.unmount();
      await turns();
    },
  };
}

/** React renders between two turns of the event loop. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

class Boundary extends Component<{ children?: ReactNode }> {
  override state = { failed: false };
  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }
  override render(): ReactNode {
    return this.state.failed ? null : this.props.children;
  }
}
