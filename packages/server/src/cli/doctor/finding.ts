// What the doctor finds: each in one sentence, with what to do about it.

export interface Finding {
  /** What was looked at, such as `port`. */
  check: string;
  state: 'ok' | 'warning' | 'problem';
  message: string;
  /** What to do; of a warning or problem. */
  help?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, state: 'ok', message };
}

export function warning(check: string, message: string, help: string): Finding {
  return { check, state: 'warning', message, help };
}

export function problem(check: string, message: string, help: string): Finding {
  return { check, state: 'problem', message, help };
}
