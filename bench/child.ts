// What stands at the other end of a started process: it takes one task after the other and answers each.

/** Ends with the process that started it. What a task is given is what its caller passed to `ask`. */
export function performTasks(tasks: Readonly<Record<string, (given: never) => Promise<unknown>>>): void {
  process.on('message', ({ task, given }: { task: string; given: never }) => {
    const work = tasks[task];
    const done = work ? work(given) : Promise.reject(new Error(`There is no task ${task}.`));
    done.then(
      (value) => process.send?.({ value }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
}
